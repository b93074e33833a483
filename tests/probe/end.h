// One end of a pair: a state machine that does what the program says. Mirrors
// lab/scenario/src/end.rs and deputy.rs.
#pragma once

#include "buffers.h"
#include "program.h"
#include "server.h"

#include <map>

namespace atslab
{
// Event codes of ours for the timers of an end, plus the index of the reaction.
constexpr int TIMER = 10000;

struct Run;

struct End {
  Run *run;
  int side;
  TSMutex mutex;
  TSCont cont;
  PluginVC *vc = nullptr;
  bool closed  = false;
  // Which VIOs know their connection.
  bool issued[2] = {false, false};
  // The mutex of each VIO that is not under the end's own mutex.
  TSMutex under[2] = {nullptr, nullptr};
  Buffers buffers;
  // The second state machine, with another mutex and buffers of its own.
  TSMutex deputy_mutex = TSMutexCreate();
  TSCont deputy;
  Buffers deputy_buffers;
  bool is_deputy_called = false;
  std::map<int, int> counts;
  int depth = 0;

  End(Run *run, int side, TSMutex mutex, const Program &program);
  void connected(PluginVC *connection);
  void close();
  void told(int code, void *vio);
  void event(int code);
  Buffers &
  buffers_meant()
  {
    return is_deputy_called ? deputy_buffers : buffers;
  }
  void react(int code, int nth);
  void carry_out(const Reaction &reaction);
  void perform(const Op &op);
  void do_io(const Op &op);
  void call(const Op &op);

  // Does `what` under the end's mutex, if it has one.
  template <class F>
  void
  locked(F what)
  {
    if (mutex) {
      TSMutexLock(mutex);
    }
    what();
    if (mutex) {
      TSMutexUnlock(mutex);
    }
  }

  // Does `what` under the mutex of a VIO, which is the end's own in most cases.
  template <class F>
  void
  under_its_mutex(bool is_write, F what)
  {
    TSMutex mutex = under[is_write];
    if (mutex) {
      TSMutexLock(mutex);
    }
    what();
    if (mutex) {
      TSMutexUnlock(mutex);
    }
  }
};

// The state machine of an end's deputy. It has another mutex and buffers of its own.
int handle_deputy(TSCont cont, TSEvent event, void *data);
} // namespace atslab
