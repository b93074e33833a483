// What each of our plugins does first: it registers, and opens the file of its programs.
#pragma once

#include <atomic>
#include <cstdio>
#include <cstdlib>

#include <ts/ts.h>

// Tells something in a debug line under the tag pvc_probe. From 10.0 on a tag is an object.
#if TS_VERSION_MAJOR >= 10
#define TELL(...)                                \
  do {                                           \
    static DbgCtl probe_tag{"pvc_probe"};        \
    Dbg(probe_tag, __VA_ARGS__);                 \
  } while (false)
#else
#define TELL(...) TSDebug("pvc_probe", __VA_ARGS__)
#endif

namespace atslab
{
// True once the server has opened its ports.
inline std::atomic<bool> is_ready{false};

// A handler that only notes this.
inline int
note_ready(TSCont, TSEvent, void *)
{
  is_ready = true;
  return 0;
}

// Registers the plugin under this name, and has `ports_are_ready` called back when it is so.
inline void
register_plugin(const char *name, TSEventFunc ports_are_ready = note_ready)
{
  TSPluginRegistrationInfo info;
  info.plugin_name   = name;
  info.vendor_name   = "atslab";
  info.support_email = "";
  TSPluginRegister(&info);
  TSLifecycleHookAdd(TS_LIFECYCLE_PORTS_READY_HOOK, TSContCreate(ports_are_ready, TSMutexCreate()));
}

// The file that ATSLAB_PROGRAMS names. Without it the plugin has nothing to do, says so
// and gives null.
inline FILE *
open_programs(const char *plugin)
{
  const char *path = getenv("ATSLAB_PROGRAMS");
  FILE *programs   = path ? fopen(path, "r") : nullptr;
  if (!programs) {
    fprintf(stderr, "%s: ATSLAB_PROGRAMS names no file that can be read\n", plugin);
    TSError("[%s] ATSLAB_PROGRAMS names no file that can be read", plugin);
  }
  return programs;
}
} // namespace atslab
