"""Nova in one process: API, conductor, scheduler and several compute services.

Nova decides between eventlet and native threads while it is imported. Green threads would need the
whole process to be patched, Placement and cheroot included; so threads are chosen here, since a
package is always imported before its modules, and these are what imports the rest of Nova.
"""

from nova import monkey_patch

monkey_patch.patch(backend="threading")
