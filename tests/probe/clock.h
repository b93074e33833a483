// The clock of a server, given from outside.
#pragma once

#include <cstdint>

namespace atslab
{
constexpr int64_t MSECOND = 1000000;
// What a pass of the event loop takes.
constexpr int64_t PASS = MSECOND;
// When the clock starts: the year 2100.
constexpr int64_t START = int64_t(4102444800) * 1000 * MSECOND;

// Nanoseconds since 1970, on the server's clock.
int64_t now();

// Moves a clock that has been started to `time`, which must not lie before now().
void set_now(int64_t time);

// The next time at which a run may begin. Each begins in the same phase of the
// timers' buckets, the largest of which is 5.12 s wide, and the port's clock
// begins in this one.
int64_t next_beginning();

// What the clock is started with.
struct Clock {
  // Where it stands, once `is_ready` is true.
  int64_t start;
  // By how much it moves at the end of each pass of an event thread's loop.
  int64_t tick;
  // How many event threads take turns, one or two.
  int threads;
  bool (*is_ready)();
  // Called by each event thread before it first takes part.
  void (*begins)(int thread);
  // Called by the first one when all have made a pass.
  void (*between_passes)();
  // True if the threads look at their sockets in each pass. Then nothing waits for them either.
  bool polls = false;
};

// Gives the whole process this clock.
void start_clock(const Clock &clock);
} // namespace atslab
