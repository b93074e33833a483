// The clock of a server, given from outside; it is preloaded.
//
// An event thread sees time through clock_gettime and lets it pass in
// epoll_wait. Both are taken over here: time moves by one tick at the end of each
// pass of the loop, whatever the pass did, and nothing ever waits. So the server
// takes the same steps at the same times in every run, however loaded the
// machine is, and a timeout of a minute is over in milliseconds.
//
// All threads see this clock, because 8.1 keeps the time in one variable for all
// of them. It shows a year far ahead: what the other threads wait for with the
// system's own clock does not come, so they sleep and stay out of the way.

#include "clock.h"

#include <atomic>
#include <cstring>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace
{
constexpr int64_t SECOND = 1000000000;

struct Clock {
  int64_t start;
  int64_t tick;
  bool (*is_ready)();
  void (*between_passes)();
};
Clock the_clock;
std::atomic<bool> is_set{false};
std::atomic<bool> goes{false};
std::atomic<int64_t> time_now{0};

thread_local bool is_the_event_thread = false;

// True on the first event thread, from its first pass after all is ready on.
bool
drives_the_clock()
{
  if (is_the_event_thread) {
    return true;
  }
  char name[32] = "";
  if (goes || !is_set || !the_clock.is_ready() || pthread_getname_np(pthread_self(), name, sizeof(name)) != 0 ||
      strcmp(name, "[ET_NET 0]") != 0) {
    return false;
  }
  is_the_event_thread = true;
  time_now            = the_clock.start;
  goes                = true;
  return true;
}
} // namespace

int64_t
atslab::now()
{
  timespec ts;
  clock_gettime(CLOCK_REALTIME, &ts);
  return ts.tv_sec * SECOND + ts.tv_nsec;
}

void
atslab::set_now(int64_t time)
{
  time_now = time;
}

int64_t
atslab::next_beginning()
{
  constexpr int64_t BUCKETS = 5120 * MSECOND;
  constexpr int64_t PHASE   = 2560 * MSECOND;
  return (now() / BUCKETS + 2) * BUCKETS + PHASE;
}

void
atslab::start_clock(int64_t start, int64_t tick, bool (*is_ready)(), void (*between_passes)())
{
  the_clock = {start, tick, is_ready, between_passes};
  is_set    = true;
}

extern "C" int
clock_gettime(clockid_t clock, timespec *ts) noexcept
{
  if (!goes) {
    return static_cast<int>(syscall(SYS_clock_gettime, clock, ts));
  }
  int64_t now = time_now;
  ts->tv_sec  = now / SECOND;
  ts->tv_nsec = now % SECOND;
  return 0;
}

extern "C" int
epoll_wait(int fd, epoll_event *events, int most, int timeout)
{
  if (!drives_the_clock()) {
    return static_cast<int>(syscall(SYS_epoll_pwait, fd, events, most, timeout, nullptr, 8));
  }
  time_now += the_clock.tick;
  the_clock.between_passes();
  return 0;
}
