// Workloads of PluginVC. The port's stand in lab/atslab/src/command/bench/work/pairs.rs.

#include "bench.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <string>
#include <utility>
#include <vector>

namespace
{
using namespace atslab;

constexpr int64_t NO_END = INT64_MAX;
// Has a state machine act on its own thread.
constexpr int ACT = 10000;

struct Buffer {
  TSIOBuffer buffer;
  TSIOBufferReader reader;

  explicit Buffer(int index) : buffer(TSIOBufferSizedCreate(static_cast<TSIOBufferSizeIndex>(index))), reader(TSIOBufferReaderAlloc(buffer)) {}
  ~Buffer() { TSIOBufferDestroy(buffer); }
  Buffer(const Buffer &) = delete;

  int64_t
  take_all()
  {
    int64_t avail = TSIOBufferReaderAvail(reader);
    TSIOBufferReaderConsume(reader, avail);
    return avail;
  }
};

struct Lock {
  TSMutex mutex;
  explicit Lock(TSMutex mutex) : mutex(mutex) { TSMutexLock(mutex); }
  ~Lock() { TSMutexUnlock(mutex); }
};

struct Lane;

// One end. If the ends are apart, the active one keeps to the first event thread
// and the passive one to the second.
struct End : Cont {
  Lane *lane;
  bool is_writer;
  Buffer buffer;
  PluginVC *vc = nullptr;
  TSVIO vio    = nullptr;
  // How often it has been called.
  int64_t calls = 0;
  // Pieces that are still to be written.
  int64_t left = 0;
  // It has been asked to act on its own thread.
  bool is_asked = false;

  End(Lane *lane, bool is_writer, TSMutex mutex, int index)
    : Cont(&End::handle, mutex), lane(lane), is_writer(is_writer), buffer(index)
  {
  }

  int handle(int event, void *data);
  void act();
};

struct Pair {
  End writer, reader;
  Pair(Lane *lane, TSMutex writers, TSMutex readers, int index)
    : writer(lane, true, writers, index), reader(lane, false, readers, index)
  {
  }
};

struct Pairs;

// The pairs of one event thread.
struct Lane : Cont {
  Pairs *work;
  int thread;
  int64_t many, pieces, goal = 0;
  std::deque<Pair> pairs;
  int64_t began = 0, ended = 0, bytes = 0, callbacks = 0;
  enum { MAKING, WAITING, RUNNING, CLOSING, CLOSED } stage = MAKING;

  Lane(Pairs *work, int thread, int64_t many, int64_t pieces)
    : Cont(&Lane::handle, TSMutexCreate()), work(work), thread(thread), many(many), pieces(pieces)
  {
  }

  int handle(int event, void *);
  void make();
  void run();
  void close();
  void arrived(int64_t count);

  void
  come_back(int64_t span)
  {
    server().schedule_in(event_thread(thread), as_ts(), span, EVENT_INTERVAL, nullptr);
  }
};

// Pairs through which pieces go.
struct Pairs : Work {
  enum Place { ON_ONE = 1, APART = 2, DEALT = 3 };

  Job job;
  std::vector<char> piece;
  std::deque<Lane> lanes;
  std::atomic<int> made{0}, over{0};

  explicit Pairs(const Job &job) : job(job), piece(job.size, 'x')
  {
    int count = job.threads == DEALT ? 2 : 1;
    for (int thread = 0; thread < count; ++thread) {
      lanes.emplace_back(this, thread, job.many / count, job.ops / job.many);
    }
  }

  void
  begin() override
  {
    call_all();
  }

  void
  call_all()
  {
    for (Lane &lane : lanes) {
      call_soon(event_thread(lane.thread), lane.as_ts(), EVENT_IMMEDIATE);
    }
  }

  bool
  is_last(std::atomic<int> &count)
  {
    return ++count == static_cast<int>(lanes.size());
  }

  void
  report()
  {
    Answer answer;
    int64_t began = INT64_MAX, ended = 0;
    for (Lane &lane : lanes) {
      began = std::min(began, lane.began);
      ended = std::max(ended, lane.ended);
      answer.callbacks += lane.callbacks;
      answer.bytes += lane.bytes;
    }
    answer.time = ended - began;
    finish(answer);
  }
};

int
Lane::handle(int event, void *)
{
  switch (stage) {
  case MAKING:
    stage = WAITING;
    make();
    come_back(SETTLE);
    break;
  case WAITING:
    // An event scheduled from a timer waits for the next pass, which comes after a while.
    if (event == EVENT_INTERVAL) {
      call_soon(event_thread(thread), as_ts(), EVENT_IMMEDIATE);
      break;
    }
    // Once more when all lanes have come here.
    stage = RUNNING;
    if (work->is_last(work->made)) {
      work->call_all();
    }
    break;
  case RUNNING:
    if (began == 0) {
      run();
    } else {
      stage = CLOSING;
      close();
      come_back(SETTLE);
    }
    break;
  case CLOSING:
    stage = CLOSED;
    come_back(SETTLE);
    break;
  case CLOSED:
    pairs.clear();
    if (work->is_last(work->over)) {
      work->report();
    }
  }
  return 0;
}

void
Lane::make()
{
  goal = many * pieces * work->job.size;
  for (int64_t i = 0; i < many; ++i) {
    TSMutex mutex = TSMutexCreate();
    pairs.emplace_back(this, mutex, work->job.shared ? mutex : TSMutexCreate(), work->job.index);
    End &writer  = pairs.back().writer;
    PluginVC *vc = server().connect(server().alloc_core(pairs.back().reader.as_ts()));
    Lock lock(writer.mutex);
    writer.vc  = vc;
    writer.vio = server().do_io_write(vc, writer.as_ts(), NO_END, writer.buffer.reader, false);
  }
}

void
Lane::run()
{
  for (Pair &pair : pairs) {
    pair.writer.calls = pair.reader.calls = 0;
  }
  began = work->job.now();
  for (Pair &pair : pairs) {
    Lock lock(pair.writer.mutex);
    pair.writer.left = pieces;
    TSVIOReenable(pair.writer.vio);
  }
}

// Everything has arrived, and what the last piece had set off has been done.
void
Lane::close()
{
  for (Pair &pair : pairs) {
    for (End *end : {&pair.writer, &pair.reader}) {
      Lock lock(end->mutex);
      callbacks += end->calls;
      server().do_io_close(end->vc, -1);
    }
  }
}

void
Lane::arrived(int64_t count)
{
  bytes += count;
  if (bytes == goal) {
    ended = work->job.now();
    come_back(SETTLE);
  }
}

int
End::handle(int event, void *data)
{
  ++calls;
  if (event == TS_EVENT_NET_ACCEPT) {
    vc  = static_cast<PluginVC *>(data);
    vio = server().do_io_read(vc, as_ts(), NO_END, buffer.buffer);
    return 0;
  }
  if (lane->work->job.threads == Pairs::APART) {
    EThread *own = event_thread(is_writer ? 0 : 1);
    if (event == ACT) {
      is_asked = false;
    } else if (this_event_thread() != own) {
      if (!is_asked) {
        is_asked = true;
        server().schedule_imm(own, as_ts(), ACT, nullptr);
      }
      return 0;
    }
  }
  act();
  return 0;
}

void
End::act()
{
  if (!is_writer) {
    lane->arrived(buffer.take_all());
    TSVIOReenable(vio);
  } else if (left > 0) {
    --left;
    TSIOBufferWrite(buffer.buffer, lane->work->piece.data(), lane->work->job.size);
    TSVIOReenable(vio);
  }
}

// Pairs that are made, move one piece and go, one after the other.
struct Connections : Work {
  struct Side : Cont {
    Connections *work;
    bool is_writer;
    PluginVC *vc   = nullptr;
    Buffer *buffer = nullptr;
    Side(Connections *work, bool is_writer) : Cont(&Side::handle, TSMutexCreate()), work(work), is_writer(is_writer) {}

    int
    handle(int event, void *data)
    {
      ++work->callbacks;
      switch (event) {
      case EVENT_IMMEDIATE:
        work->next();
        break;
      case TS_EVENT_NET_ACCEPT:
        vc = static_cast<PluginVC *>(data);
        renew();
        server().do_io_read(vc, as_ts(), work->job.size, buffer->buffer);
        break;
      case TS_EVENT_VCONN_READ_READY:
        break;
      case TS_EVENT_VCONN_READ_COMPLETE:
        work->bytes += buffer->take_all();
        close();
        break;
      case TS_EVENT_VCONN_WRITE_COMPLETE:
        close();
        break;
      default:
        break;
      }
      return 0;
    }

    ~Side() override { delete buffer; }

    // The old one is freed first.
    void
    renew()
    {
      delete std::exchange(buffer, nullptr);
      buffer = new Buffer(work->job.index);
    }

    void
    close()
    {
      server().do_io_close(vc, -1);
      if (++work->closed == 2) {
        call_imm(work->writer);
      }
    }
  };

  Job job;
  std::vector<char> piece;
  Side writer{this, true}, reader{this, false};
  int64_t left, closed = 0, began = 0, callbacks = 0, bytes = 0;

  explicit Connections(const Job &job) : job(job), piece(job.size, 'x'), left(job.ops) {}

  void
  begin() override
  {
    began = job.now();
    call_imm(writer);
  }

  // Called by an event of the writer's, under its mutex.
  void
  next()
  {
    if (--left < 0) {
      finish({job.now() - began, callbacks, bytes, 0});
      return;
    }
    closed    = 0;
    writer.vc = server().connect(server().alloc_core(reader.as_ts()));
    writer.renew();
    TSIOBufferWrite(writer.buffer->buffer, piece.data(), job.size);
    server().do_io_write(writer.vc, writer.as_ts(), job.size, writer.buffer->reader, false);
  }
};
} // namespace

std::unique_ptr<Work>
atslab::pair_work(const Job &job)
{
  std::string kind = job.kind;
  if (kind == "pairs") {
    return std::make_unique<Pairs>(job);
  } else if (kind == "connections") {
    return std::make_unique<Connections>(job);
  }
  return nullptr;
}
