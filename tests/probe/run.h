// One run of a program: two ends, and the threads that hold their mutexes. Mirrors
// lab/scenario/src/run.rs and held.rs.
#pragma once

#include "end.h"
#include "plugin.h"
#include "program.h"
#include "server.h"

#include <cstdint>
#include <memory>
#include <set>
#include <vector>

namespace atslab
{
// Whose mutex is held: an end's, by its side, or the core's.
constexpr int CORE   = 2;
constexpr int OWNERS = 3;
// Event codes of ours for the holder, plus the index of the mutex's owner.
constexpr int GIVE_BACK = 20000;
constexpr int TAKE      = 30000;

// A run of a program.
struct Run {
  Program program;
  End *ends[2];
  TSCont holder;
  // How many times each end's mutex must still be given back, and by which thread.
  int kept[OWNERS] = {0, 0, 0};
  std::vector<int64_t> holds;
  // Keeps the core's mutex alive, to see whether anyone else still does.
  TSMutex core_mutex = nullptr;
  TSCont core_keeper = nullptr;
  std::vector<Buffers> others;
  // Events of ours that have not come yet. An event that came after the end of its
  // run would call into memory that another object may have by then.
  std::set<void *> pending;
  int calls         = 0;
  int64_t written   = 0;
  int open          = 2;
  int64_t active_at = 0;
  int64_t began     = 0;
  bool runaway      = false;
  bool ending       = false;
  int passes_left   = 0;

  explicit Run(Program &&what);
  void begin();
  void connect();
  const char *why_over() const;
  void close_what_is_open();
  void finish();
  void take(int whose);
  void give_back(int whose);
  void give_way(int whose);
  TSMutex mutex_of(int whose) const;
  int
  holder_of(int whose) const
  {
    return program.shared && whose == 1 ? 0 : whose;
  }
  EThread *thread_of(int side) const;
  bool
  is_over() const
  {
    return ending || runaway;
  }
};

// The state machine that takes and gives back mutexes when their time has come.
int handle_holder(TSCont cont, TSEvent event, void *data);

// Foreign threads: one for each mutex that can be held, and one that connects.
extern std::unique_ptr<Foreign> foreign[OWNERS + 1];
constexpr int CONNECTING = OWNERS;

// The event threads.
extern EThread *event_threads[2];
} // namespace atslab
