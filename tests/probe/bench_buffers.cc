// Workloads of the buffers. The port's stand in lab/atslab/src/command/bench/work/buffers.rs.

#include "bench.h"

#include <string>
#include <vector>

namespace
{
using namespace atslab;

// Writes and takes off again; or clones blocks of a full buffer and takes them off.
struct Buffers : Work {
  Job job;
  bool is_clone;

  Buffers(const Job &job, bool is_clone) : job(job), is_clone(is_clone) {}

  void
  begin() override
  {
    auto index              = static_cast<TSIOBufferSizeIndex>(job.index);
    TSIOBuffer from         = TSIOBufferSizedCreate(index);
    TSIOBufferReader source = TSIOBufferReaderAlloc(from);
    TSIOBuffer to           = TSIOBufferSizedCreate(index);
    TSIOBufferReader reader = TSIOBufferReaderAlloc(to);
    std::vector<char> piece(job.size, 'x');
    TSIOBufferWrite(from, piece.data(), job.size);
    int64_t bytes = 0;
    int64_t began = job.now();
    for (int64_t left = job.ops; left > 0; --left) {
      if (is_clone) {
        TSIOBufferCopy(to, source, job.size, 0);
      } else {
        TSIOBufferWrite(to, piece.data(), job.size);
      }
      int64_t avail = TSIOBufferReaderAvail(reader);
      TSIOBufferReaderConsume(reader, avail);
      bytes += avail;
    }
    int64_t time = job.now() - began;
    TSIOBufferDestroy(from);
    TSIOBufferDestroy(to);
    finish({time, 0, bytes, 0});
  }
};
} // namespace

std::unique_ptr<Work>
atslab::buffer_work(const Job &job)
{
  std::string kind = job.kind;
  if (kind == "copies" || kind == "clones") {
    return std::make_unique<Buffers>(job, kind == "clones");
  }
  return nullptr;
}
