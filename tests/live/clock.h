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

// Once `is_ready` is true, the clock of the whole process stands still at
// `start`, and moves by `tick` at the end of each pass of the first event
// thread's loop; there, between two passes, `between_passes` is called.
void start_clock(int64_t start, int64_t tick, bool (*is_ready)(), void (*between_passes)());
} // namespace atslab
