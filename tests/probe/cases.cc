// A plugin that has a server perform cases of its own PluginVC regression test.
//
// The test (RegressionTest_PVC and PVCTestDriver in proxy/PluginVC.cc, NetVCTest
// in iocore/net/NetVCTest.cc) takes its cases from the table netvc_tests_def. For
// each line of the file that ATSLAB_PROGRAMS names, two entries are written there,
// the table is said to have no more, and the test is started as -R 3 -r PVC starts
// it, but between two passes of the first event thread's loop, and so that each
// case begins in the same phase of the clock. All the rest is the server's own.
//
// The server tells what it does in its debug lines. The plugin tells, under the tag
// pvc_probe: "over" when a case is over, and once at the beginning; before it "time"
// if an end was not finished in the time that the line gives.

#include "clock.h"
#include "plugin.h"
#include "server.h"

#include <cinttypes>
#include <cstdlib>
#include <sys/mman.h>
#include <unistd.h>

struct RegressionTest;

namespace
{
using namespace atslab;

// How many passes are made after both ends have finished; the pair is freed in
// the first of them.
constexpr int PASSES_AFTER_END = 50;

// The values of a test's status.
constexpr int IN_PROGRESS = 0;
// The level that means all tests.
constexpr int EXTENDED = 3;

// One end of a case, as the server declares it (P_NetVCTest.h).
struct NVC_test_def {
  const char *test_name;
  int bytes_to_send;
  int nbytes_write;
  int bytes_to_read;
  int nbytes_read;
  int write_bytes_per;
  int timeout;
  int expected_read_term;
  int expected_write_term;
};

// A case: the active end, then the passive end.
struct Case {
  char *name = nullptr;
  // How long it may take.
  int64_t longest = 0;
  NVC_test_def ends[2];
};

// The server's own test and its table.
struct Regression {
  NVC_test_def *table = static_cast<NVC_test_def *>(find("netvc_tests_def"));
  unsigned *size      = static_cast<unsigned *>(find("num_netvc_tests"));
  void *test          = find("regressionTest_PVC");
  void (*run)(void *, int, int *) =
    Server::get<void (*)(void *, int, int *)>("_Z18RegressionTest_PVCP14RegressionTestiPi");
};

// The number of cases is a constant, which a linker may put where nothing can be written.
void
make_writable(unsigned *number)
{
  uintptr_t page  = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  uintptr_t first = reinterpret_cast<uintptr_t>(number) / page * page;
  uintptr_t end   = reinterpret_cast<uintptr_t>(number + 1);
  mprotect(reinterpret_cast<void *>(first), end - first, PROT_READ | PROT_WRITE);
}

// Reads the next case; false at the end of the file.
bool
read_case(FILE *file, Case &next)
{
  static char *line  = nullptr;
  static size_t size = 0;
  if (getline(&line, &size, file) < 0) {
    return false;
  }
  auto &[active, passive] = next.ends;
  int read = sscanf(line, "case %ms %" SCNd64 " %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d", &next.name, &next.longest,
                    &active.bytes_to_send, &active.nbytes_write, &active.bytes_to_read, &active.nbytes_read,
                    &active.write_bytes_per, &active.timeout, &active.expected_read_term, &active.expected_write_term,
                    &passive.bytes_to_send, &passive.nbytes_write, &passive.bytes_to_read, &passive.nbytes_read,
                    &passive.write_bytes_per, &passive.timeout, &passive.expected_read_term, &passive.expected_write_term);
  if (read != 18) {
    fprintf(stderr, "cases: this line is not a case: %s", line);
    _exit(3);
  }
  active.test_name = passive.test_name = next.name;
  return true;
}

FILE *cases;

// The case that is performed, its status, and the time at which it must be over.
Case running;
int status = IN_PROGRESS + 1;
int64_t deadline;
int passes_left = 1;

bool
is_over()
{
  if (status == IN_PROGRESS) {
    if (now() < deadline) {
      return false;
    }
    TELL("time");
    return true;
  }
  return --passes_left <= 0;
}

void
between_passes()
{
  static const Regression regression;

  server().update_time();
  if (!is_over()) {
    return;
  }
  TELL("over");
  free(running.name);
  running = Case();
  if (!read_case(cases, running)) {
    _exit(0);
  }
  set_now(next_beginning());
  server().update_time();

  regression.table[0] = running.ends[0];
  regression.table[1] = running.ends[1];
  make_writable(regression.size);
  *regression.size    = 2;
  status              = IN_PROGRESS;
  deadline            = now() + running.longest;
  passes_left         = PASSES_AFTER_END;
  regression.run(regression.test, EXTENDED, &status);
}

} // namespace

void
TSPluginInit(int, const char *[])
{
  register_plugin("atslab-cases");
  cases = open_programs("cases");
  if (!cases) {
    return;
  }
  auto ready = [] { return is_ready.load(); };
  start_clock({START, PASS, 1, ready, [](int) {}, between_passes});
}
