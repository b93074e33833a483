// A plugin that performs scenarios on a raw pair of PluginVCs inside a server.
//
// It reads programs (the flat lists of tests/src/ats/scenario/program.rs), one after
// the other, from the file that ATSLAB_PROGRAMS names, and performs each between
// two passes of the first event thread's loop, as the port's interpreter does
// (tests/src/ats/scenario/{run,end,held,buffers}.rs): the two are to be read side by
// side. It tells what it sees in debug lines under the tag pvc_probe, between
// those of PluginVC itself. At the end of the file the server ends.
//
// PluginVC has no public interface. Its functions are found by their mangled
// names: the server exports them all.

#include "clock.h"
#include "server.h"

#include <atomic>
#include <cinttypes>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace
{
using namespace atslab;

// How many passes both ends stay closed before a run is over, and how many are
// made after what was open has been closed.
constexpr int PASSES_AFTER_CLOSE = 50;
// How many callbacks may be on the stack of one end.
constexpr int DEEPEST = 100;
// How many bytes the two ends may write in all.
constexpr int64_t MOST_BYTES = int64_t(256) << 20;
constexpr int64_t PIECE      = 64 * 1024;

// Event codes of ours; those of the holder plus the index of whose mutex.
constexpr int TIMER     = 10000;
constexpr int GIVE_BACK = 20000;
constexpr int TAKE      = 30000;
// Whose mutex is held: an end's, by its side, or the core's.
constexpr int CORE   = 2;
constexpr int OWNERS = 3;

#define TELL(...) TSDebug("pvc_probe", __VA_ARGS__)

struct Op {
  std::string name;
  int64_t a;
  int64_t b;
};

struct Reaction {
  int side;
  bool is_timer;
  int64_t span;
  int event;
  int nth;
  size_t first;
  size_t end;
};

struct Program {
  int connect_re = 0, shared = 0, index = 0, foreign = 0, threads = 1, calls = 0;
  int64_t mark = 0, accept_after = 0, patience = 0, longest = 0;
  std::vector<Reaction> reactions;
  std::vector<Op> ops;
  // Where the reaction to an event stands: by side, event, and which time.
  std::map<std::tuple<int, int, int>, size_t> on_event;
};

// What an end reads into and writes from.
struct Buffers {
  TSIOBuffer read, write;
  TSIOBufferReader read_reader, write_reader;
  uint8_t seed      = 0;
  int64_t consumed  = 0;
  uint32_t checksum = 2166136261u;

  explicit Buffers(const Program &program)
  {
    auto index   = static_cast<TSIOBufferSizeIndex>(program.index);
    read         = TSIOBufferSizedCreate(index);
    write        = TSIOBufferSizedCreate(index);
    read_reader  = TSIOBufferReaderAlloc(read);
    write_reader = TSIOBufferReaderAlloc(write);
    TSIOBufferWaterMarkSet(read, program.mark);
  }

  void
  free()
  {
    TSIOBufferDestroy(read);
    TSIOBufferDestroy(write);
  }

  // Appends bytes that count up.
  void
  fill(int64_t left)
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
  consume(int64_t bytes)
  {
    bytes        = std::min(bytes, TSIOBufferReaderAvail(read_reader));
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
};

struct Run;

// One end: a state machine that does what the program says.
struct End {
  Run *run;
  int side;
  TSMutex mutex;
  TSCont cont;
  PluginVC *vc = nullptr;
  bool closed  = false;
  // Which VIOs know their connection.
  bool issued[2] = {false, false};
  // Which VIOs are not under the end's own mutex, but under this one.
  TSMutex under[2] = {nullptr, nullptr};
  Buffers buffers;
  // The second state machine, with another mutex and buffers of its own.
  TSMutex deputy_mutex = TSMutexCreate();
  TSCont deputy;
  Buffers deputy_buffers;
  bool is_deputy_called = false;
  std::map<int, int> counts;
  int depth = 0;

  End(Run *run, int side, TSMutex mutex, const Program &program);
  void connected(PluginVC *connection);
  void close();
  void told(int code, void *vio);
  void event(int code);
  Buffers &
  buffers_meant()
  {
    return is_deputy_called ? deputy_buffers : buffers;
  }
  void react(int code, int nth);
  void carry_out(const Reaction &reaction);
  void perform(const Op &op);
  void do_io(const Op &op);

  // Does `what` under the mutex of a VIO, which is the end's own in most cases.
  template <class F>
  void
  under_its_mutex(bool is_write, F what)
  {
    TSMutex mutex = under[is_write];
    if (mutex) {
      TSMutexLock(mutex);
    }
    what();
    if (mutex) {
      TSMutexUnlock(mutex);
    }
  }
};

// A run of a program.
struct Run {
  Program program;
  End *ends[2];
  TSCont holder;
  // How often each end's mutex is to be given back yet, and by whom.
  int kept[OWNERS] = {0, 0, 0};
  std::vector<int64_t> holds;
  // Keeps the core's mutex alive, to see whether anyone else still does.
  TSMutex core_mutex = nullptr;
  TSCont core_keeper = nullptr;
  std::vector<Buffers> others;
  // Events of ours that have not come yet. One that came after the end of its
  // run would call whoever has the state machine's memory by then.
  std::set<void *> pending;
  int calls         = 0;
  int64_t written   = 0;
  int open          = 2;
  int64_t active_at = 0;
  int64_t began     = 0;
  bool runaway      = false;
  bool ending       = false;
  int passes_left   = 0;

  explicit Run(Program &&what);
  void begin();
  void connect();
  const char *why_over() const;
  void close_what_is_open();
  void finish();
  void take(int whose);
  void give_back(int whose);
  void give_way(int whose);
  TSMutex mutex_of(int whose) const;
  int
  holder_of(int whose) const
  {
    return program.shared && whose == 1 ? 0 : whose;
  }
  EThread *thread_of(int side) const;
  bool
  is_over() const
  {
    return ending || runaway;
  }
};

// Where the VIOs lie in a PluginVC; learnt from the first operation.
ptrdiff_t vio_at[2] = {-1, -1};

TSVIO
vio_of(PluginVC *vc, bool is_write)
{
  return reinterpret_cast<TSVIO>(reinterpret_cast<char *>(vc) + vio_at[is_write]);
}

// How many blocks a reader has before it, without those it has done with.
int
blocks_of(TSIOBufferReader reader)
{
  int count = 0;
  for (auto block = TSIOBufferReaderStart(reader); block; block = TSIOBufferBlockNext(block)) {
    ++count;
  }
  return count;
}

// Foreign threads: one for each mutex that can be held, and one that connects.
std::unique_ptr<Foreign> foreign[OWNERS + 1];
constexpr int CONNECTING = OWNERS;

// The event threads.
EThread *event_threads[2];
int thread_count = 1;

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

// The deputy has been called back: its end acts for it.
int
handle_deputy(TSCont cont, TSEvent event, void *data)
{
  End *end = static_cast<End *>(TSContDataGet(cont));
  end->run->give_way(end->side);
  TSMutexLock(end->mutex);
  bool before           = end->is_deputy_called;
  end->is_deputy_called = true;
  end->told(event, data);
  end->is_deputy_called = before;
  TSMutexUnlock(end->mutex);
  return 0;
}

int
handle_holder(TSCont cont, TSEvent event, void *data)
{
  Run *run = static_cast<Run *>(TSContDataGet(cont));
  int code = event;
  run->pending.erase(data);
  if (run->ending) {
    return 0;
  }
  if (code >= TAKE) {
    int whose    = (code - TAKE) % OWNERS;
    int64_t span = run->holds[(code - TAKE) / OWNERS];
    run->take(whose);
    run->pending.insert(call_in(event_threads[0], cont, span, GIVE_BACK + whose));
  } else {
    run->give_back(code - GIVE_BACK);
  }
  return 0;
}

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

// An operation has something to tell.
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
  if (name == "write") {
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
  TSCont whom   = no_cont ? nullptr : by_deputy ? deputy : cont;
  TSVIO vio     = nullptr;
  auto issue    = [&] {
    if (is_write) {
      vio = server().do_io_write(vc, whom, op.a, no_buffer ? nullptr : used.write_reader, false);
    } else {
      vio = server().do_io_read(vc, whom, op.a, no_buffer ? nullptr : used.read);
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

Run::Run(Program &&what) : program(std::move(what))
{
  TSMutex mutex = TSMutexCreate();
  ends[0]       = new End(this, 0, mutex, program);
  ends[1]       = new End(this, 1, program.shared ? mutex : TSMutexCreate(), program);
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
    TSMutexLock(ends[0]->mutex);
    server().connect_re(core, ends[0]->cont);
  } else {
    PluginVC *vc = server().connect(core);
    TSMutexLock(ends[0]->mutex);
    ends[0]->connected(vc);
  }
  TSMutexUnlock(ends[0]->mutex);
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
    TSMutexLock(end->mutex);
    end->close();
    TSMutexUnlock(end->mutex);
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

TSMutex
Run::mutex_of(int whose) const
{
  return whose == CORE ? core_mutex : ends[whose]->mutex;
}

// The event thread that the timers of an end are on.
EThread *
Run::thread_of(int side) const
{
  return event_threads[program.threads == 2 ? side : 0];
}

// A foreign thread takes the mutex; one who has it keeps it until the last
// give_back.
void
Run::take(int whose)
{
  int who = holder_of(whose);
  if (kept[who]++ == 0) {
    TSMutex mutex = mutex_of(who);
    foreign[who]->perform([mutex] { TSMutexLock(mutex); });
  }
}

void
Run::give_back(int whose)
{
  int who = holder_of(whose);
  if (kept[who] > 0 && --kept[who] == 0) {
    TSMutex mutex = mutex_of(who);
    foreign[who]->perform([mutex] { TSMutexUnlock(mutex); });
  }
}

// Gives the mutex back at once: somebody is going to wait for it, and time does not
// pass meanwhile.
void
Run::give_way(int whose)
{
  if (kept[holder_of(whose)] > 0) {
    kept[holder_of(whose)] = 1;
    give_back(whose);
  }
}

// Reads the next program; false at the end of the file.
bool
read_program(FILE *file, Program &program)
{
  char line[256], word[64];
  while (fgets(line, sizeof(line), file)) {
    Reaction r{};
    Op op{};
    long long a = 0, b = 0;
    if (sscanf(line, "pair %d %d %d %" SCNd64 " %" SCNd64 " %d %d", &program.connect_re, &program.shared, &program.index,
               &program.mark, &program.accept_after, &program.foreign, &program.threads) == 7 ||
        sscanf(line, "limits %" SCNd64 " %" SCNd64 " %d", &program.patience, &program.longest, &program.calls) == 3 ||
        strncmp(line, "program ", 8) == 0) {
      continue;
    } else if (sscanf(line, "reaction %d %d %d %zu %zu", &r.side, &r.event, &r.nth, &r.first, &r.end) == 5) {
      program.reactions.push_back(r);
    } else if (sscanf(line, "timer %d %" SCNd64 " %zu %zu", &r.side, &r.span, &r.first, &r.end) == 4) {
      r.is_timer = true;
      program.reactions.push_back(r);
    } else if (sscanf(line, "op %63s %lld %lld", word, &a, &b) == 3) {
      program.ops.push_back({word, a, b});
    } else if (strcmp(line, "end\n") == 0) {
      return true;
    } else {
      fprintf(stderr, "probe: a line that is none of a program: %s", line);
      _exit(3);
    }
  }
  return false;
}

// Performed first and not told: from it the probe learns where the VIOs lie.
Program
first_program()
{
  Program program;
  program.patience = program.longest = 1000 * MSECOND;
  program.calls                      = 100;
  program.reactions                  = {{0, false, 0, 0, 0, 0, 3}, {1, false, 0, 0, 0, 2, 3}};
  program.ops                        = {{"do_io_read", 1, 1}, {"do_io_write", 1, 1}, {"close", 0, 0}};
  return program;
}

std::atomic<bool> is_ready{false};
FILE *programs;
Run *running = nullptr;

// The server deals what is scheduled on no thread in particular to its event
// threads in turn, in a new server to the second one first; so it is in each run.
// True if the second one is next; if not, something is dealt, and the answer comes
// some passes later.
bool
is_second_thread_next()
{
  enum { FIRST, SECOND, UNKNOWN, ASKED };
  static std::atomic<int> dealt_to{UNKNOWN};
  if (thread_count == 1 || dealt_to == FIRST) {
    dealt_to = UNKNOWN;
    return true;
  }
  if (dealt_to != ASKED) {
    dealt_to = ASKED;
    foreign[CONNECTING]->perform([] {
      auto note = [](TSCont cont, TSEvent, void *) {
        dealt_to = this_event_thread() == event_threads[0] ? FIRST : SECOND;
        TSContDestroy(cont);
        return 0;
      };
      server().schedule_on_next(TSContCreate(note, TSMutexCreate()));
    });
  }
  return false;
}

void
between_passes()
{
  server().update_time();
  if (running && !running->ending) {
    if (const char *why = running->why_over()) {
      TELL("%s", why);
      running->close_what_is_open();
    }
    return;
  }
  if (running && --running->passes_left == 0) {
    running->finish();
  }
  if ((running && running->passes_left > 0) || !is_second_thread_next()) {
    return;
  }
  static bool is_first = true;
  Program program      = is_first ? first_program() : Program();
  if (!is_first && !read_program(programs, program)) {
    _exit(0);
  }
  is_first = false;
  if (program.threads > thread_count) {
    fprintf(stderr, "probe: the program needs more event threads than there are\n");
    _exit(3);
  }
  set_now(next_beginning());
  server().update_time();
  running = new Run(std::move(program));
  running->begin();
}

int
handle_lifecycle(TSCont, TSEvent, void *)
{
  is_ready = true;
  return 0;
}
} // namespace

void
TSPluginInit(int, const char *[])
{
  TSPluginRegistrationInfo info;
  info.plugin_name   = "atslab-probe";
  info.vendor_name   = "atslab";
  info.support_email = "";
  TSPluginRegister(&info);

  const char *path = getenv("ATSLAB_PROGRAMS");
  programs         = path ? fopen(path, "r") : nullptr;
  if (!programs) {
    TSError("[probe] ATSLAB_PROGRAMS names no file that can be read");
    return;
  }
  for (auto &thread : foreign) {
    thread.reset(new Foreign);
  }
  TSLifecycleHookAdd(TS_LIFECYCLE_PORTS_READY_HOOK, TSContCreate(handle_lifecycle, TSMutexCreate()));
  const char *threads = getenv("ATSLAB_THREADS");
  thread_count        = threads ? atoi(threads) : 1;
  auto ready          = [] { return is_ready.load(); };
  auto begins         = [](int number) { event_threads[number] = this_event_thread(); };
  start_clock({START, PASS, thread_count, ready, begins, between_passes});
}
