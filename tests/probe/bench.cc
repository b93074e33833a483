// A plugin that performs the workloads of `atslab bench` inside a server, on the
// system's own clock.
//
// It reads jobs, a line each, from the file that ATSLAB_PROGRAMS names, performs
// each on the first event thread, and answers with a line on standard error. The
// port's arm (lab/atslab/src/command/bench/work) does the same, file by file: read the two
// side by side. docs/src/bench.md says what each workload is.
//
// The state machines are continuations as the server's own are, and no TSCont: a
// plugin's continuation counts its events with an atomic step each, which a state
// machine of the server does not.

#include "bench.h"
#include "plugin.h"

#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>

namespace
{
using namespace atslab;

EThread *event_threads[2];

// The result of a finished job, and a way to wait for it.
std::mutex answer_mutex;
std::condition_variable answer_changed;
bool is_answered;
Answer answer;

// Finds out which event thread is which: the server deals events without a thread to
// them in turn.
void
find_event_threads()
{
  static std::mutex mutex;
  for (bool is_known = false; !is_known;) {
    auto note = [](TSCont cont, TSEvent, void *) {
      char name[32] = "";
      int number    = -1;
      pthread_getname_np(pthread_self(), name, sizeof(name));
      if (sscanf(name, "[ET_NET %d]", &number) == 1 && (number == 0 || number == 1)) {
        std::lock_guard<std::mutex> lock(mutex);
        event_threads[number] = this_event_thread();
      }
      TSContDestroy(cont);
      return 0;
    };
    server().schedule_on_next(TSContCreate(note, TSMutexCreate()));
    usleep(10000);
    std::lock_guard<std::mutex> lock(mutex);
    is_known = event_threads[0] && event_threads[1];
  }
}

// Begins a job on the first event thread.
struct Beginner : Cont {
  std::unique_ptr<Work> work;

  Beginner() : Cont(&Beginner::handle, TSMutexCreate()) {}

  int
  handle(int, void *)
  {
    work->begin();
    return 0;
  }
};

std::unique_ptr<Work>
work_of(const Job &job)
{
  for (auto make : {event_work, pair_work, buffer_work, memory_work}) {
    if (auto work = make(job)) {
      return work;
    }
  }
  fprintf(stderr, "bench: no workload is of the kind %s\n", job.kind);
  _exit(3);
}

void *
main_of_jobs(void *)
{
  FILE *jobs = open_programs("bench");
  if (!jobs) {
    _exit(3);
  }
  find_event_threads();
  fprintf(stderr, "bench: ready\n");
  Beginner beginner;
  char line[256];
  while (fgets(line, sizeof(line), jobs)) {
    Job job;
    if (sscanf(line, "job %31s ops %ld many %ld size %ld index %d shared %d threads %d cpu %d", job.kind, &job.ops, &job.many, &job.size,
               &job.index, &job.shared, &job.threads, &job.cpu) != 8) {
      fprintf(stderr, "bench: this line is not a job: %s", line);
      _exit(3);
    }
    is_answered   = false;
    beginner.work = work_of(job);
    server().schedule_imm(event_threads[0], beginner.as_ts(), EVENT_IMMEDIATE, nullptr);
    std::unique_lock<std::mutex> lock(answer_mutex);
    answer_changed.wait(lock, [] { return is_answered; });
    fprintf(stderr, "bench: answer time %ld callbacks %ld bytes %ld memory %ld\n", answer.time, answer.callbacks, answer.bytes,
            answer.memory);
  }
  _exit(0);
}

int
handle_lifecycle(TSCont, TSEvent, void *)
{
  TSThreadCreate(main_of_jobs, nullptr);
  return 0;
}
} // namespace

EThread *
atslab::event_thread(int number)
{
  return event_threads[number];
}

void
atslab::finish(const Answer &what)
{
  std::lock_guard<std::mutex> lock(answer_mutex);
  answer      = what;
  is_answered = true;
  answer_changed.notify_all();
}

void
TSPluginInit(int, const char *[])
{
  register_plugin("atslab-bench", handle_lifecycle);
}
