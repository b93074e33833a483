// Mutexes that a foreign thread holds for a while. Mirrors
// lab/scenario/src/held.rs.

#include "run.h"

namespace atslab
{
int
handle_holder(TSCont cont, TSEvent event, void *data)
{
  Run *run = static_cast<Run *>(TSContDataGet(cont));
  int code = event;
  run->pending.erase(data);
  if (run->ending) {
    return 0;
  }
  if (code >= TAKE) {
    int whose    = (code - TAKE) % OWNERS;
    int64_t span = run->holds[(code - TAKE) / OWNERS];
    run->take(whose);
    run->pending.insert(call_in(event_threads[0], cont, span, GIVE_BACK + whose));
  } else {
    run->give_back(code - GIVE_BACK);
  }
  return 0;
}

TSMutex
Run::mutex_of(int whose) const
{
  return whose == CORE ? core_mutex : ends[whose]->mutex;
}

// A foreign thread takes the mutex; a thread that has it keeps it until the last
// give_back.
void
Run::take(int whose)
{
  int who = holder_of(whose);
  if (kept[who]++ == 0) {
    TSMutex mutex = mutex_of(who);
    foreign[who]->perform([mutex] { TSMutexLock(mutex); });
  }
}

void
Run::give_back(int whose)
{
  int who = holder_of(whose);
  if (kept[who] > 0 && --kept[who] == 0) {
    TSMutex mutex = mutex_of(who);
    foreign[who]->perform([mutex] { TSMutexUnlock(mutex); });
  }
}

// Gives the mutex back at once: an event thread is about to wait for it, and time does
// not pass meanwhile.
void
Run::give_way(int whose)
{
  if (kept[holder_of(whose)] > 0) {
    kept[holder_of(whose)] = 1;
    give_back(whose);
  }
}
} // namespace atslab
