// Filling and emptying the buffers of an end.

#include "buffers.h"

#include <algorithm>
#include <vector>

namespace atslab
{
namespace
{
constexpr int64_t PIECE = 64 * 1024;
}

Buffers::Buffers(const Program &program)
  : read(TSIOBufferSizedCreate(static_cast<TSIOBufferSizeIndex>(program.index))),
    write(TSIOBufferSizedCreate(static_cast<TSIOBufferSizeIndex>(program.index))),
    read_reader(TSIOBufferReaderAlloc(read)),
    write_reader(TSIOBufferReaderAlloc(write)),
    calls(read, read_reader, write, write_reader)
{
  TSIOBufferWaterMarkSet(read, program.mark);
}

void
Buffers::free()
{
  calls.destroy_extra();
  TSIOBufferDestroy(read);
  TSIOBufferDestroy(write);
}

void
Buffers::fill(int64_t left)
{
  std::vector<uint8_t> space(PIECE);
  while (left > 0) {
    int64_t piece = std::min(left, PIECE);
    for (int64_t i = 0; i < piece; ++i) {
      space[i] = static_cast<uint8_t>(seed + i);
    }
    seed = static_cast<uint8_t>(seed + piece);
    TSIOBufferWrite(write, space.data(), piece);
    left -= piece;
  }
}

void
Buffers::consume(int64_t bytes)
{
  // Below 0 if the reader stands beyond the end.
  bytes        = std::max<int64_t>(std::min(bytes, TSIOBufferReaderAvail(read_reader)), 0);
  int64_t left = bytes;
  for (auto block = TSIOBufferReaderStart(read_reader); block && left > 0; block = TSIOBufferBlockNext(block)) {
    int64_t there    = 0;
    const char *data = TSIOBufferBlockReadStart(block, read_reader, &there);
    there            = std::min(there, left);
    for (int64_t i = 0; i < there; ++i) {
      checksum = (checksum ^ static_cast<uint8_t>(data[i])) * 16777619u;
    }
    left -= there;
  }
  consumed += bytes;
  TSIOBufferReaderConsume(read_reader, bytes);
}

int
blocks_of(TSIOBufferReader reader)
{
  int count = 0;
  for (auto block = TSIOBufferReaderStart(reader); block; block = TSIOBufferBlockNext(block)) {
    ++count;
  }
  return count;
}
} // namespace atslab
