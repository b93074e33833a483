// How a run begins and ends.

#include "run.h"
#include "clock.h"

#include <cinttypes>

namespace atslab
{
namespace
{
// How many passes both ends stay closed before a run is over, and how many are
// made after what was open has been closed.
constexpr int PASSES_AFTER_CLOSE = 50;
} // namespace

std::unique_ptr<Foreign> foreign[OWNERS + 1];
EThread *event_threads[2];

Run::Run(Program &&what) : program(std::move(what))
{
  auto mutex_for = [this](int side) { return program.without_mutex & (1 << side) ? nullptr : TSMutexCreate(); };
  TSMutex mutex  = mutex_for(0);
  ends[0]        = new End(this, 0, mutex, program);
  ends[1]        = new End(this, 1, program.shared ? mutex : mutex_for(1), program);
  holder        = TSContCreate(handle_holder, TSMutexCreate());
  TSContDataSet(holder, this);
  for (size_t i = 0; i < program.reactions.size(); ++i) {
    const Reaction &reaction = program.reactions[i];
    if (!reaction.is_timer) {
      program.on_event.insert({{reaction.side, reaction.event, reaction.nth}, i});
    }
  }
}

void
Run::begin()
{
  began = active_at = now();
  TELL("begin");
  if (program.accept_after > 0) {
    take(1);
    pending.insert(call_in(event_threads[0], holder, program.accept_after, GIVE_BACK + 1));
  }
  if (program.foreign) {
    foreign[CONNECTING]->perform([this] { connect(); });
  } else {
    connect();
  }
}

void
Run::connect()
{
  PluginVCCore *core = server().alloc_core(ends[1]->cont);
  core_mutex         = TSContMutexGet(reinterpret_cast<TSCont>(core));
  core_keeper        = TSContCreate(handle_holder, core_mutex);
  if (program.connect_re) {
    ends[0]->locked([&] { server().connect_re(core, ends[0]->cont); });
  } else {
    PluginVC *vc = server().connect(core);
    ends[0]->locked([&] { ends[0]->connected(vc); });
  }
}

// Why the run is over; null if it is not.
const char *
Run::why_over() const
{
  int64_t silence = now() - active_at;
  if (runaway) {
    return "runaway";
  } else if ((open == 0 && silence > PASSES_AFTER_CLOSE * PASS) || silence > program.patience) {
    return "quiet";
  }
  return now() > began + program.longest ? "time" : nullptr;
}

void
Run::close_what_is_open()
{
  ending      = true;
  passes_left = PASSES_AFTER_CLOSE;
  for (int whose = 0; whose < OWNERS; ++whose) {
    give_way(whose);
  }
  for (End *end : ends) {
    end->locked([&] { end->close(); });
  }
}

// Frees what the pair does not use any more: everything if it has been freed,
// nothing otherwise.
void
Run::finish()
{
  for (End *end : ends) {
    int64_t left = TSIOBufferReaderAvail(end->buffers.read_reader);
    TELL("%s: took %" PRId64 " %u left %" PRId64, end->side ? "Passive" : "Active", end->buffers.consumed, end->buffers.checksum,
         left);
  }
  TELL("over");
  for (void *event : pending) {
    TSActionCancel(static_cast<TSAction>(event));
  }
  if (references(core_mutex) > 1) {
    return;
  }
  for (Buffers &buffers : others) {
    buffers.free();
  }
  for (End *end : ends) {
    end->buffers.free();
    end->deputy_buffers.free();
    TSContDestroy(end->cont);
    TSContDestroy(end->deputy);
    delete end;
  }
  TSContDestroy(holder);
  TSContDestroy(core_keeper);
  delete this;
}

// The event thread that the timers of an end are on.
EThread *
Run::thread_of(int side) const
{
  return event_threads[program.threads == 2 ? side : 0];
}
} // namespace atslab
