// Workloads that count memory. The port's stand in lab/atslab/src/command/bench/work/memory.rs.
//
// A job frees nothing that it makes, so it is the only job of its process.

#include "bench.h"

#include <cstdio>
#include <string>
#include <vector>

namespace
{
using namespace atslab;

constexpr int64_t NO_END = INT64_MAX;

// The pages that the process has touched, in bytes.
int64_t
resident()
{
  long kilobytes = -1;
  char line[256];
  FILE *file = fopen("/proc/self/smaps_rollup", "r");
  while (file && fgets(line, sizeof(line), file) && sscanf(line, "Rss: %ld", &kilobytes) != 1) {
  }
  if (kilobytes < 0) {
    fprintf(stderr, "bench: /proc/self/smaps_rollup cannot be read\n");
    _exit(3);
  }
  fclose(file);
  return kilobytes * 1024;
}

// The state machine of all pairs. The reader never takes anything off; the writer
// writes whenever it is asked to.
struct Filler : Cont {
  const Job *job;
  bool is_full;
  std::vector<char> piece;
  int64_t callbacks = 0;

  Filler(const Job *job, bool is_full, TSMutex mutex)
    : Cont(&Filler::handle, mutex), job(job), is_full(is_full), piece(job->size, 'x')
  {
  }

  TSIOBuffer
  buffer() const
  {
    return TSIOBufferSizedCreate(static_cast<TSIOBufferSizeIndex>(job->index));
  }

  int
  handle(int event, void *data)
  {
    ++callbacks;
    if (event == TS_EVENT_NET_ACCEPT && is_full) {
      server().do_io_read(static_cast<PluginVC *>(data), as_ts(), NO_END, buffer());
    } else if (event == TS_EVENT_VCONN_WRITE_READY) {
      auto vio = static_cast<TSVIO>(data);
      TSIOBufferWrite(TSVIOBufferGet(vio), piece.data(), job->size);
      TSVIOReenable(vio);
    }
    return 0;
  }
};

struct Memory : Work {
  struct Driver : Cont {
    Memory *work;
    explicit Driver(Memory *work) : Cont(&Driver::handle, TSMutexCreate()), work(work) {}

    int
    handle(int, void *)
    {
      finish({0, work->ends->callbacks, 0, resident() - work->before});
      return 0;
    }
  };

  Job job;
  std::string kind;
  int64_t before = 0;
  Filler *ends;
  Driver driver{this};

  explicit Memory(const Job &job) : job(job), kind(job.kind), ends(new Filler(&this->job, kind == "memory_full", TSMutexCreate())) {}

  void
  begin() override
  {
    before = resident();
    for (int64_t i = 0; i < job.many; ++i) {
      if (kind == "memory_event") {
        call_in(*ends, 3600 * SECOND);
        continue;
      }
      PluginVC *vc = server().connect(server().alloc_core(ends->as_ts()));
      if (kind == "memory_full") {
        TSIOBuffer buffer = ends->buffer();
        TSMutexLock(ends->mutex);
        server().do_io_write(vc, ends->as_ts(), NO_END, TSIOBufferReaderAlloc(buffer), false);
        TSMutexUnlock(ends->mutex);
      }
    }
    call_in(driver, SETTLE);
  }
};
} // namespace

std::unique_ptr<Work>
atslab::memory_work(const Job &job)
{
  std::string kind = job.kind;
  if (kind == "memory_idle" || kind == "memory_full" || kind == "memory_event") {
    return std::make_unique<Memory>(job);
  }
  return nullptr;
}
