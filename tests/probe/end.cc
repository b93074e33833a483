// What an end does when it is called back.

#include "end.h"
#include "clock.h"
#include "run.h"

#include <cinttypes>
#include <cstdio>
#include <unistd.h>

namespace atslab
{
namespace
{
// How many callbacks may be on the stack of one end.
constexpr int DEEPEST = 100;
// How many bytes the two ends may write in all.
constexpr int64_t MOST_BYTES = int64_t(256) << 20;
// A copied byte counts as so many.
constexpr int64_t COST_OF_A_COPY = 64;

// Where the VIOs lie in a PluginVC; learnt from the first operation.
ptrdiff_t vio_at[2] = {-1, -1};

TSVIO
vio_of(PluginVC *vc, bool is_write)
{
  return reinterpret_cast<TSVIO>(reinterpret_cast<char *>(vc) + vio_at[is_write]);
}

int
handle_end(TSCont cont, TSEvent event, void *data)
{
  End *end = static_cast<End *>(TSContDataGet(cont));
  int code = event;
  if (code == TS_EVENT_NET_ACCEPT || code == TS_EVENT_NET_CONNECT) {
    end->connected(static_cast<PluginVC *>(data));
  } else if (code >= TIMER) {
    end->run->pending.erase(data);
    end->run->active_at = now();
    end->carry_out(end->run->program.reactions[code - TIMER]);
  } else {
    end->told(code, data);
  }
  return 0;
}
} // namespace

End::End(Run *run, int side, TSMutex mutex, const Program &program)
  : run(run), side(side), mutex(mutex), buffers(program), deputy_buffers(program)
{
  cont = TSContCreate(handle_end, mutex);
  TSContDataSet(cont, this);
  deputy = TSContCreate(handle_deputy, deputy_mutex);
  TSContDataSet(deputy, this);
}

void
End::connected(PluginVC *connection)
{
  vc             = connection;
  run->active_at = now();
  if (run->ending) {
    close();
    return;
  }
  for (size_t i = 0; i < run->program.reactions.size(); ++i) {
    const Reaction &reaction = run->program.reactions[i];
    if (reaction.side == side && reaction.is_timer) {
      run->pending.insert(call_in(run->thread_of(side), cont, reaction.span, TIMER + static_cast<int>(i)));
    }
  }
  react(0, 0);
}

void
End::close()
{
  if (vc && !closed) {
    closed = true;
    --run->open;
    server().do_io_close(vc, -1);
  }
}

// An operation calls the end back.
void
End::told(int code, void *vio)
{
  bool is_write     = vio == vio_of(vc, true);
  Buffers &buffers_ = buffers_meant();
  TELL("%s: sm_%s %d read %" PRId64 " %d write %" PRId64 " %d", side ? "Passive" : "Active", is_write ? "write" : "read", code,
       TSIOBufferReaderAvail(buffers_.read_reader), blocks_of(buffers_.read_reader),
       TSIOBufferReaderAvail(buffers_.write_reader), blocks_of(buffers_.write_reader));
  event(code);
}

// The reaction for this very time, or the one for all other times.
void
End::event(int code)
{
  int nth       = ++counts[code];
  bool is_named = run->program.on_event.count({side, code, nth}) > 0;
  react(code, is_named ? nth : 0);
}

void
End::react(int code, int nth)
{
  run->active_at = now();
  if (run->calls++ >= run->program.calls || depth >= DEEPEST) {
    run->runaway = true;
  }
  auto meant = run->program.on_event.find({side, code, nth});
  if (meant != run->program.on_event.end()) {
    ++depth;
    carry_out(run->program.reactions[meant->second]);
    --depth;
  }
}

void
End::carry_out(const Reaction &reaction)
{
  for (size_t i = reaction.first; i < reaction.end && !run->is_over(); ++i) {
    perform(run->program.ops[i]);
  }
}

void
End::perform(const Op &op)
{
  const std::string &name = op.name;
  if (op.is_call) {
    call(op);
  } else if (name == "write") {
    run->written += op.a;
    if (run->written > MOST_BYTES) {
      run->runaway = true;
    } else {
      buffers_meant().fill(op.a);
    }
  } else if (name == "consume") {
    buffers_meant().consume(op.a);
  } else if (name == "water_mark") {
    TSIOBufferWaterMarkSet(buffers_meant().read, op.a);
  } else if (name == "hold") {
    run->holds.push_back(op.a);
    int code = TAKE + OWNERS * static_cast<int>(run->holds.size() - 1) + static_cast<int>(op.b);
    run->pending.insert(call_soon(event_threads[0], run->holder, code));
  } else if (name == "close") {
    run->give_way(CORE);
    close();
  } else if (!vc || closed) {
    return;
  } else if (name == "do_io_read" || name == "do_io_write") {
    do_io(op);
  } else if (name == "reenable") {
    if (under[op.a == 2] && under[op.a == 2] == run->core_mutex) {
      run->give_way(CORE);
    }
    under_its_mutex(op.a == 2, [&] { TSVIOReenable(vio_of(vc, op.a == 2)); });
  } else if (name == "reenable_re") {
    run->give_way(CORE);
    if (issued[op.a == 2]) {
      under_its_mutex(op.a == 2, [&] { server().reenable_re(vc, vio_of(vc, op.a == 2)); });
    }
  } else if (name == "shutdown") {
#if TS_VERSION_NUMBER >= 10002000
    // From 10.2 on it takes the core's mutex.
    run->give_way(CORE);
#endif
    server().do_io_shutdown(vc, static_cast<int>(op.a) - 1);
  } else if (name == "inactivity_timeout") {
    server().set_inactivity_timeout(vc, op.a);
  } else if (name == "active_timeout") {
    server().set_active_timeout(vc, op.a);
  } else {
    fprintf(stderr, "probe: unknown operation %s\n", name.c_str());
    _exit(3);
  }
}

// Calls a function of the plugin interface's buffers, and tells what it returns.
void
End::call(const Op &op)
{
  Calls &calls = buffers_meant().calls;
  if (!calls.can(op)) {
    return;
  }
  if (op.name == "produce" || op.name == "put") {
    run->written += op.a;
  } else if (op.name == "copy") {
    run->written += COST_OF_A_COPY * calls.copied(op);
  }
  if (run->written > MOST_BYTES) {
    run->runaway = true;
    return;
  }
  calls.perform(op, [this](const char *word, int64_t value) {
    TELL("%s: %s %" PRId64, side ? "Passive" : "Active", word, value);
  });
}

// Without a continuation the operation is under the core mutex, and gets empty
// buffers of its own.
void
End::do_io(const Op &op)
{
  bool no_buffer = op.b & 1, no_cont = op.b & 2, by_deputy = op.b & 4, is_write = op.name == "do_io_write";
  if (no_cont) {
    run->others.emplace_back(run->program);
  }
  if (no_cont || under[is_write] == run->core_mutex) {
    run->give_way(CORE);
  }
  Buffers &used = no_cont ? run->others.back() : by_deputy ? deputy_buffers : buffers;
  TSCont target = no_cont ? nullptr : by_deputy ? deputy : cont;
  TSVIO vio     = nullptr;
  auto issue    = [&] {
    if (!mutex && target == cont) {
      // As a plugin does it: the interface looks at the mutex.
      auto connection = reinterpret_cast<TSVConn>(vc);
      vio = is_write ? TSVConnWrite(connection, cont, used.write_reader, op.a) : TSVConnRead(connection, cont, used.read, op.a);
    } else if (is_write) {
      vio = server().do_io_write(vc, target, op.a, no_buffer ? nullptr : used.write_reader, false);
    } else {
      vio = server().do_io_read(vc, target, op.a, no_buffer ? nullptr : used.read);
    }
  };
  // Under the mutex that the VIO had and the one that it gets.
  TSMutex next = no_cont ? run->core_mutex : by_deputy ? deputy_mutex : nullptr;
  under_its_mutex(is_write, [&] {
    under[is_write] = next;
    under_its_mutex(is_write, issue);
  });
  issued[is_write] = true;
  if (vio) {
    vio_at[is_write] = reinterpret_cast<char *>(vio) - reinterpret_cast<char *>(vc);
  }
}
} // namespace atslab
