// A plugin that performs scenarios on a raw pair of PluginVCs inside a server.
//
// It reads programs (the flat lists of lab/scenario/src/program.rs), one after
// the other, from the file that ATSLAB_PROGRAMS names, and performs each between
// two passes of the first event thread's loop, as the port's interpreter does. It
// tells what it sees in debug lines under the tag pvc_probe, between those of
// PluginVC itself. At the end of the file the server ends.
//
// PluginVC has no public interface. Its functions are found by their mangled
// names: the server exports them all.
//
// Read the files beside those of the port's interpreter, which have the same names:
// program, buffers, calls, end, deputy, held and run.

#include "clock.h"
#include "plugin.h"
#include "program.h"
#include "run.h"
#include "server.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <unistd.h>

using namespace atslab;

namespace
{
int thread_count = 1;
FILE *programs;
Run *running = nullptr;

// The server deals events without a thread to its event threads in turn, in a new
// server to the second one first; each run must begin in the same way. True if the
// second one is next; if not, an event is dealt, and the answer comes some passes
// later.
bool
is_second_thread_next()
{
  enum { FIRST, SECOND, UNKNOWN, ASKED };
  static std::atomic<int> dealt_to{UNKNOWN};
  if (thread_count == 1 || dealt_to == FIRST) {
    dealt_to = UNKNOWN;
    return true;
  }
  if (dealt_to != ASKED) {
    dealt_to = ASKED;
    foreign[CONNECTING]->perform([] {
      auto note = [](TSCont cont, TSEvent, void *) {
        dealt_to = this_event_thread() == event_threads[0] ? FIRST : SECOND;
        TSContDestroy(cont);
        return 0;
      };
      server().schedule_on_next(TSContCreate(note, TSMutexCreate()));
    });
  }
  return false;
}

void
between_passes()
{
  server().update_time();
  if (running && !running->ending) {
    if (const char *why = running->why_over()) {
      TELL("%s", why);
      running->close_what_is_open();
    }
    return;
  }
  if (running && --running->passes_left == 0) {
    running->finish();
  }
  if ((running && running->passes_left > 0) || !is_second_thread_next()) {
    return;
  }
  static bool is_first = true;
  Program program      = is_first ? first_program() : Program();
  if (!is_first && !read_program(programs, program)) {
    _exit(0);
  }
  is_first = false;
  if (program.threads > thread_count) {
    fprintf(stderr, "probe: the program needs more event threads than there are\n");
    _exit(3);
  }
  set_now(next_beginning());
  server().update_time();
  running = new Run(std::move(program));
  running->begin();
}
} // namespace

void
TSPluginInit(int, const char *[])
{
  register_plugin("atslab-probe");
  programs = open_programs("probe");
  if (!programs) {
    return;
  }
  for (auto &thread : foreign) {
    thread.reset(new Foreign);
  }
  const char *threads = getenv("ATSLAB_THREADS");
  thread_count        = threads ? atoi(threads) : 1;
  auto ready          = [] { return is_ready.load(); };
  auto begins         = [](int number) { event_threads[number] = this_event_thread(); };
  start_clock({START, PASS, thread_count, ready, begins, between_passes});
}
