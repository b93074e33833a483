// The clock of a server, given from outside.
#pragma once

#include <cstdint>

namespace atslab
{
// Nanoseconds since 1970, on the server's clock.
int64_t now();

// Moves a clock that has been started to `time`, which must not lie before now().
void set_now(int64_t time);

// Once `is_ready` is true, the clock of the whole process stands still at
// `start`, and moves by `tick` at the end of each pass of the first event
// thread's loop; there, between two passes, `between_passes` is called.
void start_clock(int64_t start, int64_t tick, bool (*is_ready)(), void (*between_passes)());
} // namespace atslab
