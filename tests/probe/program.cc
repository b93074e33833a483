// Reads programs.

#include "program.h"
#include "clock.h"

#include <cinttypes>
#include <cstring>
#include <unistd.h>

namespace atslab
{
bool
read_program(FILE *file, Program &program)
{
  char line[256], word[64];
  while (fgets(line, sizeof(line), file)) {
    Reaction r{};
    Op op{};
    long long a = 0, b = 0;
    if (sscanf(line, "pair %d %d %d %" SCNd64 " %" SCNd64 " %d %d %d", &program.connect_re, &program.shared, &program.index,
               &program.mark, &program.accept_after, &program.foreign, &program.threads,
               &program.without_mutex) == 8 ||
        sscanf(line, "limits %" SCNd64 " %" SCNd64 " %d", &program.patience, &program.longest, &program.calls) == 3 ||
        strncmp(line, "program ", 8) == 0) {
      continue;
    } else if (sscanf(line, "reaction %d %d %d %zu %zu", &r.side, &r.event, &r.nth, &r.first, &r.end) == 5) {
      program.reactions.push_back(r);
    } else if (sscanf(line, "timer %d %" SCNd64 " %zu %zu", &r.side, &r.span, &r.first, &r.end) == 4) {
      r.is_timer = true;
      program.reactions.push_back(r);
    } else if (sscanf(line, "op %63s %lld %lld", word, &a, &b) == 3) {
      program.ops.push_back({word, a, b});
    } else if (sscanf(line, "call %63s %lld %lld %d %d", word, &a, &b, &op.reader, &op.buffer) == 5) {
      program.ops.push_back({word, a, b, true, op.reader, op.buffer});
    } else if (strcmp(line, "end\n") == 0) {
      return true;
    } else {
      fprintf(stderr, "probe: this line is not part of a program: %s", line);
      _exit(3);
    }
  }
  return false;
}

Program
first_program()
{
  Program program;
  program.patience = program.longest = 1000 * MSECOND;
  program.calls                      = 100;
  program.reactions                  = {{0, false, 0, 0, 0, 0, 3}, {1, false, 0, 0, 0, 2, 3}};
  program.ops                        = {{"do_io_read", 1, 1}, {"do_io_write", 1, 1}, {"close", 0, 0}};
  return program;
}
} // namespace atslab
