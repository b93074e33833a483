// What a plugin needs of the server's insides and its public interface lacks.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <dlfcn.h>
#include <functional>
#include <initializer_list>
#include <mutex>
#include <pthread.h>
#include <unistd.h>

#include <ts/ts.h>

struct PluginVC;
struct PluginVCCore;
struct EThread;

namespace atslab
{
// The function of this mangled name; without it the server is not one that we know.
inline void *
find(const char *name, bool is_needed = true)
{
  void *found = dlsym(RTLD_DEFAULT, name);
  if (!found && is_needed) {
    fprintf(stderr, "probe: this server has no %s\n", name);
    _exit(3);
  }
  return found;
}

// Functions of the server that are no part of its public interface. A method is
// called with its object as the first argument.
struct Server {
  // From 10.0 on the public interface, too, has the names of C++.
  static constexpr const char *CPP_SCHEDULE_ON_POOL = "_Z20TSContScheduleOnPoolP10tsapi_contl12TSThreadPool";
  static constexpr const char *CPP_SELF             = "_Z17TSEventThreadSelfv";

  // The first of these that the server has; it must have the last one if it has no other.
  template <class F>
  static F
  first_of(std::initializer_list<const char *> names)
  {
    const char *const *name = names.begin();
    while (name + 1 != names.end() && !find(*name, false)) {
      ++name;
    }
    return get<F>(*name);
  }

  template <class F>
  static F
  get(const char *name, bool is_needed = true)
  {
    return reinterpret_cast<F>(find(name, is_needed));
  }

  PluginVC *(*connect)(PluginVCCore *)              = get<PluginVC *(*)(PluginVCCore *)>("_ZN12PluginVCCore7connectEv");
  void *(*connect_re)(PluginVCCore *, TSCont)       = get<void *(*)(PluginVCCore *, TSCont)>("_ZN12PluginVCCore10connect_reEP12Continuation");
  TSVIO (*do_io_read)(PluginVC *, TSCont, int64_t, TSIOBuffer) =
    get<TSVIO (*)(PluginVC *, TSCont, int64_t, TSIOBuffer)>("_ZN8PluginVC10do_io_readEP12ContinuationlP9MIOBuffer");
  TSVIO (*do_io_write)(PluginVC *, TSCont, int64_t, TSIOBufferReader, bool) =
    get<TSVIO (*)(PluginVC *, TSCont, int64_t, TSIOBufferReader, bool)>("_ZN8PluginVC11do_io_writeEP12ContinuationlP14IOBufferReaderb");
  void (*do_io_close)(PluginVC *, int)    = get<void (*)(PluginVC *, int)>("_ZN8PluginVC11do_io_closeEi");
  void (*do_io_shutdown)(PluginVC *, int) = get<void (*)(PluginVC *, int)>("_ZN8PluginVC14do_io_shutdownE15ShutdownHowTo_t");
  void (*reenable_re)(PluginVC *, TSVIO)  = get<void (*)(PluginVC *, TSVIO)>("_ZN8PluginVC11reenable_reEP3VIO");
  void (*set_inactivity_timeout)(PluginVC *, int64_t) = get<void (*)(PluginVC *, int64_t)>("_ZN8PluginVC22set_inactivity_timeoutEl");
  void (*set_active_timeout)(PluginVC *, int64_t)     = get<void (*)(PluginVC *, int64_t)>("_ZN8PluginVC18set_active_timeoutEl");
  void *(*schedule_imm)(EThread *, TSCont, int, void *) =
    get<void *(*)(EThread *, TSCont, int, void *)>("_ZN7EThread12schedule_immEP12ContinuationiPv");
  void *(*schedule_in)(EThread *, TSCont, int64_t, int, void *) =
    get<void *(*)(EThread *, TSCont, int64_t, int, void *)>("_ZN7EThread11schedule_inEP12ContinuationliPv");
  void *(*schedule_imm_local)(EThread *, TSCont, int, void *) =
    get<void *(*)(EThread *, TSCont, int, void *)>("_ZN7EThread18schedule_imm_localEP12ContinuationiPv");
  void *(*schedule_in_local)(EThread *, TSCont, int64_t, int, void *) =
    get<void *(*)(EThread *, TSCont, int64_t, int, void *)>("_ZN7EThread17schedule_in_localEP12ContinuationliPv");

  // With the defaults of 9.2 for the pair's own buffers; before that, it has none
  // to choose.
  PluginVCCore *
  alloc_core(TSCont acceptor) const
  {
    constexpr int64_t INDEX_32K = 8;
    return alloc_9 ? alloc_9(acceptor, INDEX_32K, 0) : alloc_8(acceptor);
  }

  // Has `cont` called back at once by whichever event thread is next. 9.0 gave
  // the function a new name.
  void
  schedule_on_next(TSCont cont) const
  {
    constexpr int NOW = 0, NET = 0;
    schedule_on_pool(cont, NOW, NET);
  }

  // Before 9.2 the time is kept, and read anew once a pass.
  void
  update_time() const
  {
    if (get_hrtime_updated) {
      get_hrtime_updated();
    }
  }

private:
  PluginVCCore *(*alloc_9)(TSCont, int64_t, int64_t) =
    get<PluginVCCore *(*)(TSCont, int64_t, int64_t)>("_ZN12PluginVCCore5allocEP12Continuationll", false);
  PluginVCCore *(*alloc_8)(TSCont) =
    get<PluginVCCore *(*)(TSCont)>("_ZN12PluginVCCore5allocEP12Continuation", !alloc_9);
  void *(*schedule_on_pool)(TSCont, int64_t, int) =
    first_of<void *(*)(TSCont, int64_t, int)>({"TSContScheduleOnPool", CPP_SCHEDULE_ON_POOL, "TSContSchedule"});
  int64_t (*get_hrtime_updated)() = get<int64_t (*)()>("_ZN6Thread18get_hrtime_updatedEv", false);
};

inline const Server &
server()
{
  static const Server the_server;
  return the_server;
}

// The calling event thread. The function is new in 9.0; before that, the thread
// is kept under a key.
inline EThread *
this_event_thread()
{
  using Self             = EThread *(*)();
  static const auto in_c = Server::get<Self>("TSEventThreadSelf", false);
  static const auto self = in_c ? in_c : Server::get<Self>(Server::CPP_SELF, false);
  static const auto key  = Server::get<pthread_key_t *>("_ZN6Thread15thread_data_keyE", !self);
  return self ? self() : static_cast<EThread *>(pthread_getspecific(*key));
}

// Has `cont` called back on `thread`: on itself by the local queue, as PluginVC
// does, because 8.1 has another way otherwise and 9.0 has not. Gives the event.
inline void *
call_soon(EThread *thread, TSCont cont, int code)
{
  bool is_local = this_event_thread() == thread;
  return (is_local ? server().schedule_imm_local : server().schedule_imm)(thread, cont, code, nullptr);
}

inline void *
call_in(EThread *thread, TSCont cont, int64_t span, int code)
{
  bool is_local = this_event_thread() == thread;
  return (is_local ? server().schedule_in_local : server().schedule_in)(thread, cont, span, code, nullptr);
}

// How many references there are to a mutex: an int after the table of its
// virtual functions.
inline int
references(TSMutex mutex)
{
  return *reinterpret_cast<volatile int *>(reinterpret_cast<char *>(mutex) + sizeof(void *));
}

// A thread outside the event loop. It performs one thing at a time.
class Foreign
{
public:
  Foreign() { TSThreadCreate(&Foreign::main, this); }

  // Has it done while the thread that asks for it goes on.
  void
  begin(std::function<void()> what)
  {
    std::lock_guard<std::mutex> lock(mutex_);
    job_  = std::move(what);
    busy_ = true;
    changed_.notify_all();
  }

  // Has it done while the thread that asks for it waits.
  void
  perform(std::function<void()> what)
  {
    begin(std::move(what));
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return !busy_; });
  }

private:
  static void *
  main(void *self)
  {
    static_cast<Foreign *>(self)->work();
    return nullptr;
  }

  void
  work()
  {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return static_cast<bool>(job_); });
      auto job = std::move(job_);
      job_     = nullptr;
      lock.unlock();
      job();
      lock.lock();
      busy_ = static_cast<bool>(job_);
      changed_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::function<void()> job_;
  bool busy_ = false; // a job waits or runs
};
} // namespace atslab
