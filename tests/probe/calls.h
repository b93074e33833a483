// The buffers and readers that an end's calls name. Mirrors lab/scenario/src/calls.rs.
#pragma once

#include "program.h"

#include <cstdint>
#include <functional>

#include <ts/ts.h>

namespace atslab
{
// Tells what a call returns.
using Tell = std::function<void(const char *, int64_t)>;

struct Calls {
  TSIOBuffer buffers[3]          = {nullptr, nullptr, nullptr};
  TSIOBufferReader readers[3][5] = {};

  Calls(TSIOBuffer read, TSIOBufferReader read_reader, TSIOBuffer write, TSIOBufferReader write_reader);
  // True if the buffers and the reader are there, and the release has the function.
  bool can(const Op &op);
  int64_t copied(const Op &op);
  void perform(const Op &op, const Tell &tell);
  void destroy_extra();

private:
  TSIOBufferReader &reader(const Op &op);
  int keep(int of, TSIOBufferReader reader);
  void walk(TSIOBufferReader reader, const Tell &tell);
  void produce(TSIOBuffer buffer, int64_t bytes, const Tell &tell);
};
} // namespace atslab
