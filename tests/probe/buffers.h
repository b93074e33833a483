// What an end reads into and writes from. Mirrors lab/scenario/src/buffers.rs.
#pragma once

#include "calls.h"
#include "program.h"

#include <cstdint>

#include <ts/ts.h>

namespace atslab
{
struct Buffers {
  TSIOBuffer read, write;
  TSIOBufferReader read_reader, write_reader;
  // These and the others, by the names that calls have for them.
  Calls calls;
  uint8_t seed      = 0;
  int64_t consumed  = 0;
  uint32_t checksum = 2166136261u;

  explicit Buffers(const Program &program);
  void free();
  // Appends bytes that count up.
  void fill(int64_t left);
  // Consumes so many bytes, or all that there are, and adds them to the checksum.
  void consume(int64_t bytes);
};

// How many blocks a reader has before it, without those it has done with.
int blocks_of(TSIOBufferReader reader);
} // namespace atslab
