// A program: the flat list of operations that a scenario becomes. Mirrors
// lab/scenario/src/program.rs, which describes its text.
#pragma once

#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <tuple>
#include <vector>

namespace atslab
{
struct Op {
  std::string name;
  int64_t a;
  int64_t b;
  // Of a call: the reader and the buffer.
  bool is_call = false;
  int reader   = 0;
  int buffer   = 0;
};

struct Reaction {
  int side;
  bool is_timer;
  int64_t span;
  int event;
  int nth;
  size_t first;
  size_t end;
};

struct Program {
  int connect_re = 0, shared = 0, index = 0, foreign = 0, threads = 1, calls = 0;
  // 1 for an active end without a mutex plus 2 for such a passive one.
  int without_mutex = 0;
  int64_t mark = 0, accept_after = 0, patience = 0, longest = 0;
  std::vector<Reaction> reactions;
  std::vector<Op> ops;
  // Where the reaction to an event stands: by side, event, and which time.
  std::map<std::tuple<int, int, int>, size_t> on_event;
};

// Reads the next program; false at the end of the file.
bool read_program(FILE *file, Program &program);

// Performed first and not told: from it the probe learns where the VIOs lie.
Program first_program();
} // namespace atslab
