-- Health of every kind of serveractions.dev. Argo CD calls an object without such a check healthy as soon as it is there.
local health = { status = "Progressing", message = "no operator has looked at it yet" }
local status = obj.status
if status == nil or status.conditions == nil then
  return health
end
local is = {}
for _, condition in ipairs(status.conditions) do
  is[condition.type] = condition.status
end
if status.message ~= nil then
  health.message = status.message
end
if status.observedGeneration ~= obj.metadata.generation then
  return health -- what is judged below is about an older spec
end
if is.Stalled == "True" then
  health.status = "Degraded"
elseif is.Ready == "True" then
  health.status = "Healthy"
elseif status.phase == "Suspended" or status.phase == "AwaitingDecision" then
  health.status = "Suspended" -- a person is asked
end
return health
