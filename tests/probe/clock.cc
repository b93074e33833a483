// The clock of a server, given from outside; it is preloaded.
//
// An event thread sees time through clock_gettime and lets it pass in
// epoll_wait. This file replaces both: time moves by one tick at the end of each
// pass of the loop, whatever the pass did, and nothing ever waits. So the server
// takes the same steps at the same times in every run, however loaded the
// machine is, and a timeout of a minute is over in milliseconds. Two event threads
// take turns, a pass each.
//
// All threads see this clock, because 8.1 keeps the time in one variable for all
// of them. It shows a year far ahead: what the other threads wait for with the
// system's own clock does not come, so they sleep and disturb nothing.

#include "clock.h"

#include <atomic>
#include <cstdio>
#include <cstring>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace
{
constexpr int64_t SECOND = 1000000000;

atslab::Clock the_clock;
std::atomic<bool> is_set{false};
std::atomic<bool> goes{false};
std::atomic<int64_t> time_now{0};

// Which thread makes the next pass, and how many threads take part so far.
pthread_mutex_t turn_mutex    = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t turn_has_moved = PTHREAD_COND_INITIALIZER;
int turn                      = 0;
int taking_part               = 0;

// The part that the calling thread takes.
struct Part {
  // Which event thread it is, if it takes part.
  int number = -1;

  // An event thread ends only when a signal has told the server to. With this
  // clock the server would wait for ever for its other threads.
  ~Part()
  {
    if (number >= 0) {
      _exit(0);
    }
  }
};

thread_local Part my;

// The number of the calling thread, if it is an event thread and all is ready.
int
number_of_this_thread()
{
  char name[32] = "";
  int number    = -1;
  if (is_set && the_clock.is_ready() && pthread_getname_np(pthread_self(), name, sizeof(name)) == 0 &&
      sscanf(name, "[ET_NET %d]", &number) == 1 && number < the_clock.threads) {
    return number;
  }
  return -1;
}

// Waits until it is the turn of `thread`.
void
wait_for_turn(int thread)
{
  pthread_mutex_lock(&turn_mutex);
  while (turn != thread || taking_part < the_clock.threads) {
    pthread_cond_wait(&turn_has_moved, &turn_mutex);
  }
  pthread_mutex_unlock(&turn_mutex);
}

void
pass_turn_on()
{
  pthread_mutex_lock(&turn_mutex);
  turn = (turn + 1) % the_clock.threads;
  pthread_cond_broadcast(&turn_has_moved);
  pthread_mutex_unlock(&turn_mutex);
}

// The calling thread takes part from now on; the clock begins when all do.
void
take_part()
{
  the_clock.begins(my.number);
  pthread_mutex_lock(&turn_mutex);
  if (++taking_part == the_clock.threads) {
    time_now = the_clock.start;
    goes     = true;
  }
  pthread_cond_broadcast(&turn_has_moved);
  pthread_mutex_unlock(&turn_mutex);
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
atslab::start_clock(const Clock &clock)
{
  the_clock = clock;
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
  if (my.number < 0) {
    my.number = number_of_this_thread();
    if (my.number < 0) {
      return static_cast<int>(syscall(SYS_epoll_pwait, fd, events, most, timeout, nullptr, 8));
    }
    take_part();
  } else {
    time_now += the_clock.tick;
    pass_turn_on();
  }
  wait_for_turn(my.number);
  if (my.number == 0) {
    the_clock.between_passes();
  }
  if (the_clock.polls) {
    return static_cast<int>(syscall(SYS_epoll_pwait, fd, events, most, 0, nullptr, 8));
  }
  return 0;
}
