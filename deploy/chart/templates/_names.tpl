{{/* What is in every object's metadata. */}}
{{- define "labels" -}}
app.kubernetes.io/name: serveractions
{{- end }}

{{/* Whose rights they are. */}}
{{- define "subjects" -}}
- kind: ServiceAccount
  name: serveractions
  namespace: {{ .Release.Namespace }}
{{- end }}
