// Workloads of the event system. The port's stand in lab/atslab/src/command/bench/work/events.rs.

#include "bench.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

namespace
{
using namespace atslab;

constexpr int64_t BATCH = 1000;

// One or many continuations, each of which schedules itself again at once.
struct Chains : Work {
  struct Link : Cont {
    Chains *work;
    explicit Link(Chains *work) : Cont(&Link::handle, TSMutexCreate()), work(work) {}

    int
    handle(int, void *)
    {
      ++work->callbacks;
      if (work->left > 0) {
        --work->left;
        call_imm(*this);
      } else if (--work->running == 0) {
        finish({work->job.now() - work->began, work->callbacks, 0, 0});
      }
      return 0;
    }
  };

  Job job;
  int64_t left, running, began = 0, callbacks = 0;
  std::deque<Link> links;

  explicit Chains(const Job &job) : job(job), left(job.ops - job.many), running(job.many)
  {
    for (int64_t i = 0; i < job.many; ++i) {
      links.emplace_back(this);
    }
  }

  void
  begin() override
  {
    began = job.now();
    for (Link &link : links) {
      call_imm(link);
    }
  }
};

constexpr int MOST_PRODUCERS = 3;

Foreign &
producer(int number)
{
  static Foreign the_producers[MOST_PRODUCERS];
  return the_producers[number];
}

// Other threads schedule on the first event thread.
struct Cross : Work {
  struct Sink : Cont {
    Cross *work;
    explicit Sink(Cross *work) : Cont(&Sink::handle, TSMutexCreate()), work(work) {}

    int
    handle(int, void *)
    {
      if (++work->callbacks == work->job.ops) {
        finish({work->job.now() - work->began, work->callbacks, 0, 0});
      }
      return 0;
    }
  };

  Job job;
  int64_t began = 0, callbacks = 0;
  Sink sink{this};

  explicit Cross(const Job &job) : job(job) {}

  void
  begin() override
  {
    began = job.now();
    for (int64_t i = 0; i < job.many; ++i) {
      producer(static_cast<int>(i)).begin([this] {
        for (int64_t left = job.ops / job.many; left > 0; --left) {
          server().schedule_imm(event_thread(0), sink.as_ts(), EVENT_IMMEDIATE, nullptr);
        }
      });
    }
  }
};

// Works in batches; only the time inside a batch counts.
struct Batches : Work {
  struct Driver : Cont {
    Batches *work;
    explicit Driver(Batches *work) : Cont(&Driver::handle, TSMutexCreate()), work(work) {}

    // An event scheduled from a timer waits for the next pass, which comes after a
    // while; so a batch begins with an event of the queue.
    int
    handle(int event, void *)
    {
      if (event == EVENT_INTERVAL) {
        call_imm(*this);
      } else {
        work->driven();
      }
      return 0;
    }
  };

  Job job;
  Driver driver{this};
  int64_t left, began = 0, time = 0, callbacks = 0;

  explicit Batches(const Job &job) : job(job), left(job.ops / BATCH) {}

  void
  begin() override
  {
    call_imm(driver);
  }

  virtual void driven() = 0;

  // The batch is over; the next one comes after `span`.
  void
  batch_is_over(int64_t span)
  {
    time += job.now() - began;
    if (--left == 0) {
      last();
    } else if (span > 0) {
      call_in(driver, span);
    } else {
      call_imm(driver);
    }
  }

  virtual void
  last()
  {
    finish({time, callbacks, 0, 0});
  }
};

// Timers that are cancelled as soon as they are scheduled; the loop frees them.
struct TimerCancel : Batches {
  struct Timer : Cont {
    TimerCancel *work;
    explicit Timer(TimerCancel *work) : Cont(&Timer::handle, TSMutexCreate()), work(work) {}

    int
    handle(int, void *)
    {
      ++work->callbacks;
      return 0;
    }
  };

  Timer timer{this};
  bool is_freeing = false;

  using Batches::Batches;

  void
  driven() override
  {
    is_freeing = !is_freeing;
    if (!is_freeing) {
      batch_is_over(0);
      return;
    }
    began = job.now();
    for (int64_t i = 0; i < BATCH; ++i) {
      TSActionCancel(static_cast<TSAction>(call_in(timer, 30 * SECOND)));
    }
    // Comes when all of them have been freed.
    call_imm(driver);
  }
};

// Timers that are due at once, beside many that are not.
struct TimerFire : Batches {
  struct Timer : Cont {
    TimerFire *work;
    explicit Timer(TimerFire *work) : Cont(&Timer::handle, TSMutexCreate()), work(work) {}

    int
    handle(int, void *)
    {
      ++work->callbacks;
      if (--work->waiting == 0) {
        work->batch_is_over(0);
      }
      return 0;
    }
  };

  std::deque<Timer> timers;
  int64_t waiting = 0, pending;

  explicit TimerFire(const Job &job) : Batches(job), pending(job.many)
  {
    for (int64_t i = 0; i < BATCH; ++i) {
      timers.emplace_back(this);
    }
  }

  // The many stay for the rest of the process's life.
  void
  begin() override
  {
    static int64_t there = 0;
    static auto *never   = new Timer(nullptr);
    for (; there < pending; ++there) {
      call_in(*never, 3600 * SECOND);
    }
    call_in(driver, SETTLE);
  }

  void
  driven() override
  {
    waiting = BATCH;
    began   = job.now();
    for (Timer &timer : timers) {
      call_in(timer, MSECOND);
    }
  }
};

// Events whose mutex another thread has: each misses it once, goes into the queue
// of timers, and is cancelled.
struct LockMiss : Batches {
  struct Target : Cont {
    LockMiss *work;
    explicit Target(LockMiss *work) : Cont(&Target::handle, TSMutexCreate()), work(work) {}

    int
    handle(int, void *)
    {
      ++work->callbacks;
      return 0;
    }
  };

  // How often the driver is called in a batch: at its beginning, when all have
  // missed, and when all are in the queue of timers.
  enum { BEGINNING, MISSED, QUEUED } stage = BEGINNING;
  Target target{this};
  std::vector<void *> events;
  std::mutex mutex;
  std::condition_variable changed;
  bool is_held = false, is_over = false;

  using Batches::Batches;

  void
  begin() override
  {
    producer(0).begin([this] {
      TSMutexLock(target.mutex);
      {
        std::unique_lock<std::mutex> lock(mutex);
        is_held = true;
        changed.notify_all();
        changed.wait(lock, [this] { return is_over; });
      }
      TSMutexUnlock(target.mutex);
      finish({time, callbacks, 0, 0});
    });
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, [this] { return is_held; });
    Batches::begin();
  }

  void
  driven() override
  {
    switch (stage) {
    case BEGINNING:
      began = job.now();
      for (int64_t i = 0; i < BATCH; ++i) {
        events.push_back(call_imm(target));
      }
      stage = MISSED;
      call_imm(driver);
      return;
    case MISSED:
      stage = QUEUED;
      call_imm(driver);
      return;
    case QUEUED:
      stage = BEGINNING;
      batch_is_over(SETTLE);
      for (void *event : events) {
        TSActionCancel(static_cast<TSAction>(event));
      }
      events.clear();
    }
  }

  void
  last() override
  {
    std::lock_guard<std::mutex> lock(mutex);
    is_over = true;
    changed.notify_all();
  }
};
} // namespace

std::unique_ptr<Work>
atslab::event_work(const Job &job)
{
  std::string kind = job.kind;
  if (kind == "chains") {
    return std::make_unique<Chains>(job);
  } else if (kind == "cross") {
    return std::make_unique<Cross>(job);
  } else if (kind == "timer_cancel") {
    return std::make_unique<TimerCancel>(job);
  } else if (kind == "timer_fire") {
    return std::make_unique<TimerFire>(job);
  } else if (kind == "lock_miss") {
    return std::make_unique<LockMiss>(job);
  }
  return nullptr;
}
