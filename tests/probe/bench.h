// What the workloads of the bench plugin have in common.
#pragma once

#include "server.h"

#include <cstring>
#include <memory>
#include <time.h>

namespace atslab
{
constexpr int EVENT_IMMEDIATE = 1;
constexpr int EVENT_INTERVAL  = 2;

constexpr int64_t MSECOND = 1000000;
constexpr int64_t SECOND  = 1000 * MSECOND;
// How long a workload waits for what is still under way after its last operation.
constexpr int64_t SETTLE = 30 * MSECOND;

// One run of a workload.
struct Job {
  char kind[32];
  int64_t ops;
  int64_t many;
  int64_t size;
  int index;
  int shared;
  int threads;
  // Measured by the processor time of the event thread, not by the clock.
  int cpu;

  // Nanoseconds on that clock.
  int64_t
  now() const
  {
    timespec ts;
    clock_gettime(cpu ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * int64_t(1000000000) + ts.tv_nsec;
  }
};

struct Answer {
  // Nanoseconds for all operations.
  int64_t time = 0;
  // Calls of the workload's state machines, and bytes that they received.
  int64_t callbacks = 0;
  int64_t bytes     = 0;
  // By how many bytes the process has grown.
  int64_t memory = 0;
};

EThread *event_thread(int number);

// The job is done; from any thread.
void finish(const Answer &answer);

// A continuation as the server declares it (I_Continuation.h): the table of virtual
// functions, the handler, the mutex. What comes after differs between the releases
// and is nothing at the beginning.
class Cont
{
public:
  using Handler = int (Cont::*)(int, void *);

  template <class T>
  Cont(int (T::*handler)(int, void *), TSMutex mutex) : handler(static_cast<Handler>(handler)), mutex(mutex)
  {
    __sync_fetch_and_add(references(), 1);
  }
  virtual ~Cont()
  {
    if (__sync_sub_and_fetch(references(), 1) == 0) {
      TSMutexDestroy(mutex);
    }
  }
  Cont(const Cont &) = delete;

  TSCont
  as_ts()
  {
    return reinterpret_cast<TSCont>(this);
  }

  Handler handler;
  TSMutex mutex;
  char rest[64] = {};

private:
  int *
  references() const
  {
    return reinterpret_cast<int *>(reinterpret_cast<char *>(mutex) + sizeof(void *));
  }
};

inline void *
call_imm(Cont &cont)
{
  return server().schedule_imm_local(event_thread(0), cont.as_ts(), EVENT_IMMEDIATE, nullptr);
}

inline void *
call_in(Cont &cont, int64_t span)
{
  return server().schedule_in_local(event_thread(0), cont.as_ts(), span, EVENT_INTERVAL, nullptr);
}

// A workload; it begins on the first event thread.
struct Work {
  virtual ~Work()      = default;
  virtual void begin() = 0;
};

// The workloads of each file; nothing if the job belongs to another file.
std::unique_ptr<Work> event_work(const Job &job);
std::unique_ptr<Work> pair_work(const Job &job);
std::unique_ptr<Work> buffer_work(const Job &job);
std::unique_ptr<Work> memory_work(const Job &job);
} // namespace atslab
