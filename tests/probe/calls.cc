// Calls of the plugin interface's buffers, and what each returns. Mirrors
// lab/scenario/src/calls.rs.

#include "calls.h"
#include "end.h"
#include "plugin.h"
#include "run.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <dlfcn.h>
#include <unistd.h>

namespace atslab
{
namespace
{
constexpr uint32_t FNV_BASIS = 2166136261u;
// How many blocks of a walk are told one by one.
constexpr int MOST_TOLD = 32;
constexpr int EXTRA     = 2;

uint32_t
add_to_sum(uint32_t sum, const char *data, int64_t count)
{
  for (int64_t i = 0; i < count; ++i) {
    sum = (sum ^ static_cast<uint8_t>(data[i])) * 16777619u;
  }
  return sum;
}

// So many bytes that count up.
std::vector<char>
counting(int64_t bytes)
{
  std::vector<char> space(bytes + 1);
  for (int64_t i = 0; i < bytes; ++i) {
    space[i] = static_cast<char>(i);
  }
  return space;
}

// 8.1 exports a function of this name, which its header lacks and which returns nothing.
using CopyOut = int64_t (*)(TSIOBufferReader, void *, int64_t);

CopyOut
copy_out()
{
  static const bool is_there = TSTrafficServerVersionGetMajor() >= 9;
  static const auto in_c     = Server::get<CopyOut>("TSIOBufferReaderCopy", false);
  static const auto found =
    in_c ? in_c : Server::get<CopyOut>("_Z20TSIOBufferReaderCopyP19tsapi_bufferreader_Pvl", false);
  return is_there ? found : nullptr;
}
} // namespace

Calls::Calls(TSIOBuffer read, TSIOBufferReader read_reader, TSIOBuffer write, TSIOBufferReader write_reader)
{
  buffers[0]    = read;
  buffers[1]    = write;
  readers[0][0] = read_reader;
  readers[1][0] = write_reader;
}

TSIOBufferReader &
Calls::reader(const Op &op)
{
  return readers[op.reader / 8][op.reader % 8 - 1];
}

bool
Calls::can(const Op &op)
{
  const std::string &name = op.name;
  bool has_reader         = op.reader == 0 || reader(op) != nullptr;
  bool has_function       = name != "copy_out" || copy_out() != nullptr;
  bool has_target         = buffers[op.buffer] != nullptr;
  if (name == "create") {
    has_target = true;
  } else if (name == "destroy") {
    has_target = buffers[EXTRA] != nullptr;
  }
  return has_reader && has_function && has_target;
}

// How many bytes a copy will share.
int64_t
Calls::copied(const Op &op)
{
  return std::max<int64_t>(std::min(op.a, TSIOBufferReaderAvail(reader(op)) - op.b), 0);
}

void
Calls::destroy_extra()
{
  if (buffers[EXTRA]) {
    TSIOBufferDestroy(buffers[EXTRA]);
  }
  buffers[EXTRA] = nullptr;
  std::fill(std::begin(readers[EXTRA]), std::end(readers[EXTRA]), nullptr);
}

// Gives a new reader the lowest number that is free.
int
Calls::keep(int of, TSIOBufferReader reader)
{
  int number = 0;
  while (readers[of][number]) {
    ++number;
  }
  readers[of][number] = reader;
  return number + 1;
}

// The walk over the blocks of a reader.
void
Calls::walk(TSIOBufferReader reader, const Tell &tell)
{
  int count    = 0;
  uint32_t sum = FNV_BASIS;
  std::vector<int64_t> told;
  for (auto block = TSIOBufferReaderStart(reader); block; block = TSIOBufferBlockNext(block)) {
    int64_t there    = 0, space = 0;
    const char *data = TSIOBufferBlockReadStart(block, reader, &there);
    TSIOBufferBlockWriteStart(block, &space);
    if (there != TSIOBufferBlockReadAvail(block, reader) || space != TSIOBufferBlockWriteAvail(block)) {
      fprintf(stderr, "probe: two functions tell different numbers of one block\n");
      _exit(3);
    }
    if (count < MOST_TOLD) {
      told.push_back(there);
      told.push_back(space);
    }
    sum = add_to_sum(sum, data, there);
    ++count;
  }
  tell("buf_blocks", count);
  for (size_t i = 0; i < told.size(); i += 2) {
    tell("buf_block", told[i]);
    tell("buf_space", told[i + 1]);
  }
  tell("buf_sum", sum);
}

void
Calls::produce(TSIOBuffer buffer, int64_t bytes, const Tell &tell)
{
  auto data     = counting(bytes);
  auto block    = TSIOBufferStart(buffer);
  int64_t done  = 0;
  tell("buf_room", TSIOBufferBlockWriteAvail(block));
  for (; block && done < bytes; block = TSIOBufferBlockNext(block)) {
    int64_t space = 0;
    char *start   = TSIOBufferBlockWriteStart(block, &space);
    space         = std::min(space, bytes - done);
    std::copy_n(data.data() + done, space, start);
    done += space;
  }
  TSIOBufferProduce(buffer, bytes);
}

void
Calls::perform(const Op &op, const Tell &tell)
{
  const std::string &name = op.name;
  TSIOBuffer buffer       = buffers[op.buffer];
  if (name == "create") {
    destroy_extra();
    buffers[EXTRA]    = op.a < 0 ? TSIOBufferCreate() : TSIOBufferSizedCreate(static_cast<TSIOBufferSizeIndex>(op.a));
    readers[EXTRA][0] = TSIOBufferReaderAlloc(buffers[EXTRA]);
  } else if (name == "destroy") {
    destroy_extra();
  } else if (name == "alloc") {
    tell("buf_reader", keep(op.buffer, TSIOBufferReaderAlloc(buffer)));
  } else if (name == "clone") {
    tell("buf_reader", keep(op.reader / 8, TSIOBufferReaderClone(reader(op))));
  } else if (name == "free") {
    TSIOBufferReaderFree(reader(op));
    reader(op) = nullptr;
  } else if (name == "avail") {
    tell("buf_avail", TSIOBufferReaderAvail(reader(op)));
  } else if (name == "take") {
    TSIOBufferReaderConsume(reader(op), op.a);
    tell("buf_avail", TSIOBufferReaderAvail(reader(op)));
  } else if (name == "blocks") {
    walk(reader(op), tell);
  } else if (name == "mark") {
    tell("buf_mark", TSIOBufferWaterMarkGet(buffer));
  } else if (name == "set_mark") {
    TSIOBufferWaterMarkSet(buffer, op.a);
  } else if (name == "room") {
    tell("buf_room", TSIOBufferBlockWriteAvail(TSIOBufferStart(buffer)));
  } else if (name == "produce") {
    produce(buffer, op.a, tell);
    tell("buf_avail", TSIOBufferReaderAvail(readers[op.buffer][0]));
  } else if (name == "put") {
    tell("buf_put", TSIOBufferWrite(buffer, counting(op.a).data(), op.a));
  } else if (name == "copy") {
    // Within one buffer no more than there is: else it would go on with its own output.
    bool is_within = op.reader / 8 == op.buffer;
    tell("buf_copied", TSIOBufferCopy(buffer, reader(op), is_within ? copied(op) : op.a, op.b));
  } else if (name == "copy_out") {
    std::vector<char> out(op.a + 1);
    int64_t count = copy_out()(reader(op), out.data(), op.a);
    tell("buf_copied", count);
    tell("buf_sum", add_to_sum(FNV_BASIS, out.data(), count));
  } else {
    fprintf(stderr, "probe: unknown call %s\n", name.c_str());
    _exit(3);
  }
}
} // namespace atslab
