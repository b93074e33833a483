// A plugin that performs HTTP scenarios inside a server.
//
// It reads scenarios (the flat text of lab/scenario/src/http/program.rs), one after the other, from
// the file that ATSLAB_PROGRAMS names. Clients and origin servers on sockets live in the same
// process: what they do, they do between two passes of the net threads, as on the port. So the
// server has the clock of clock.cc, and a timeout of seconds takes milliseconds. What each
// participant has seen is told in lines on the standard error:
//
//   atslab e NANOSECONDS WHO <tab> WHAT      it has seen this
//   atslab b WHO <tab> HEX                   these bytes have come
//   atslab x WHO <tab> N                     so many bytes `x` have come
//   atslab over quiet | time                 the run is over
//
// ATSLAB_PROXY is the port of the proxy, ATSLAB_ORIGIN that of the origin server, ATSLAB_NETVC one at which
// NetVCs are accepted whose user stands in the proxy's place.
//
// Read the files beside those of the port: stage, socket, user, hooks, and run.rs for this one.

#include "scenario.h"
#include "stage.h"

#include "../clock.h"
#include "../plugin.h"

#include <arpa/inet.h>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

using namespace atslab;

namespace
{
constexpr int64_t SILENCE        = 2300 * MSECOND;
constexpr int PASSES_AFTER_CLOSE = 100;
constexpr int PASSES_BEFORE      = 4;
// How often a pass looks whether ET_TASK is done; twenty milliseconds or more.
constexpr int MOST_LOOKS = 400;

FILE *programs;
int origin_fd = -1;
// When the clock starts: the first second of 2037. It has to lie far ahead (clock.h), and a date behind
// 2038 is read wrong by the server.
constexpr int64_t FIRST = int64_t(2114380800) * 1000 * MSECOND;
// A thread that no event loop has.
std::unique_ptr<Foreign> foreign;

sockaddr_in
address_of(const char *variable)
{
  const char *port = getenv(variable);
  sockaddr_in address{};
  address.sin_family      = AF_INET;
  address.sin_port        = htons(port ? atoi(port) : 0);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void
connect_client(int number)
{
  const std::string who = "c" + std::to_string(number);
  if (stage->scenario.clients[number]) {
    sockaddr_in address = address_of("");
    address.sin_port    = htons(4000);
    auto *user          = new User(who);
    TSVConn vc          = TSHttpConnectWithPluginId(reinterpret_cast<sockaddr *>(&address), "atslab", 1);
    TSMutexLock(user->mutex);
    user->begin(who, vc);
    TSMutexUnlock(user->mutex);
    return;
  }
  sockaddr_in address = address_of(stage->netvc ? "ATSLAB_NETVC" : "ATSLAB_PROXY");
  int fd              = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(fd, reinterpret_cast<sockaddr *>(&address), sizeof(address)) == 0) {
    stage->sockets.push_back(new Socket(who, who, fd));
  } else {
    close(fd);
  }
}

// A run with a NetVC begins when the inactivity cop has just come. A clock that goes over the beginning
// of a phase has every bucket of timers looked at, so it is set on to shortly before one.
void
prepare()
{
  bool has_netvc       = !stage->scenario.netvc.empty();
  stage->passes_before = has_netvc ? PASSES_BEFORE : 0;
  set_now(next_beginning() - (has_netvc ? 2 * PASS : 0));
  server().update_time();
}

void
begin()
{
  stage->began = stage->active_at = now();
  if (!stage->scenario.netvc.empty()) {
    stage->netvc = new NetVc;
  }
  if (stage->scenario.netvc == "connect") {
    stage->netvc->start();
  }
  for (size_t number = 0; number < stage->scenario.clients.size(); ++number) {
    connect_client(number);
  }
}

// What threads that no event loop has do, and what ET_TASK does, is done before the next pass.
void
let_others_run()
{
  for (;;) {
    std::vector<std::function<void()>> jobs;
    {
      std::lock_guard<std::recursive_mutex> lock(stage->mutex);
      jobs.swap(stage->foreign);
    }
    for (auto &job : jobs) {
      foreign->perform(job);
    }
    bool has_tasks = stage->tasks > 0;
    for (int looks = 0; stage->tasks > 0 && looks < MOST_LOOKS; ++looks) {
      usleep(1);
    }
    // A task whose mutex was missed is tried again later, so time has to move.
    if ((jobs.empty() && !has_tasks) || stage->tasks > 0) {
      return;
    }
  }
}

void
perform(User *user, const Moves *moves)
{
  if (moves && user->vc) {
    TSMutexLock(user->mutex);
    user->perform(*moves);
    TSMutexUnlock(user->mutex);
  }
}

// The plugins that take part, at this moment: a hook on another thread may add one.
std::list<User *>
users()
{
  std::lock_guard<std::recursive_mutex> lock(stage->mutex);
  return stage->users;
}

void
play()
{
  let_others_run();
  std::deque<std::pair<std::string, int>> moments;
  {
    std::lock_guard<std::recursive_mutex> lock(stage->mutex);
    moments.swap(stage->moments);
  }
  for (const auto &moment : moments) {
    const std::string when = "hook " + moment.first + " " + std::to_string(moment.second);
    for (Socket *socket : stage->sockets) {
      if (const Moves *moves = stage->moves(socket->line.who, when)) {
        socket->add(*moves);
      }
    }
    for (User *user : users()) {
      perform(user, stage->moves(user->who, when));
    }
  }
  for (User *user : users()) {
    if (user->line && user->vc) {
      Moves due = user->line->due();
      perform(user, &due);
    }
  }
  for (int fd; origin_fd >= 0 && (fd = accept4(origin_fd, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
    stage->sockets.push_back(new Socket(stage->next_origin_name(), "o", fd));
  }
  for (Socket *socket : stage->sockets) {
    socket->pass();
  }
}

// True when nothing can happen any more.
bool
is_over()
{
  std::lock_guard<std::recursive_mutex> lock(stage->mutex);
  if (stage->pending > 0 || stage->open_sessions > 0 || (stage->netvc && !stage->netvc->is_closed)) {
    return false;
  }
  for (const auto &txn : stage->txns) {
    if (!txn.second.is_closed || txn.second.held) {
      return false;
    }
  }
  for (Socket *socket : stage->sockets) {
    if (socket->fd >= 0 && (socket->line.who != "o" || stage->netvc)) {
      return false;
    }
  }
  for (User *user : stage->users) {
    if (user->vc && user->who != "o") {
      return false;
    }
  }
  return true;
}

// Closes what is open and gives back what is held, so that the next run begins with nothing.
void
tidy()
{
  stage->ending      = true;
  stage->passes_left = PASSES_AFTER_CLOSE;
  for (Socket *socket : stage->sockets) {
    socket->close();
  }
  // Without the mutex: a user's handler has its own when it takes this one.
  for (User *user : users()) {
    TSMutexLock(user->mutex);
    user->close(false);
    TSMutexUnlock(user->mutex);
  }
  if (NetVc *user = stage->netvc) {
    TSMutexLock(user->mutex);
    user->close();
    TSMutexUnlock(user->mutex);
  }
  std::vector<TSHttpTxn> held;
  {
    std::lock_guard<std::recursive_mutex> lock(stage->mutex);
    for (auto &txn : stage->txns) {
      if (txn.second.held) {
        held.push_back(txn.second.held);
        txn.second.held = nullptr;
      }
    }
  }
  for (TSHttpTxn txn : held) {
    TSHttpTxnReenable(txn, TS_EVENT_HTTP_CONTINUE);
  }
}

// The end of a run has been tidied up; what a late event could still need is left in memory.
void
forget()
{
  for (Socket *socket : stage->sockets) {
    delete socket;
  }
  stage->sockets.clear();
  if (stage->netvc) {
    stage->netvc->forget();
  }
  for (User *user : users()) {
    if (user->line && !user->vc) {
      TSIOBufferDestroy(user->input);
      TSIOBufferDestroy(user->output);
      user->input = user->output = nullptr;
    }
  }
}

void
between_passes()
{
  server().update_time();
  if (stage && stage->passes_before > 0) {
    if (--stage->passes_before == 0) {
      begin();
    }
    return;
  }
  if (stage && !stage->ending) {
    play();
    int64_t silence = now() - stage->last_activity();
    const char *why = nullptr;
    if (silence > stage->scenario.patience || (silence > SILENCE && is_over())) {
      why = "quiet";
    } else if (now() - stage->began > stage->scenario.longest) {
      why = "time";
    }
    if (why) {
      fprintf(stderr, "atslab over %s\n", why);
      tidy();
    }
    return;
  }
  if (stage) {
    let_others_run();
    for (int fd; origin_fd >= 0 && (fd = accept4(origin_fd, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
      close(fd);
    }
    if (--stage->passes_left > 0) {
      return;
    }
    forget();
  } else {
    // The server can be told that it is ready.
    static bool is_told = false;
    if (!is_told) {
      is_told = true;
      listen_for_netvcs();
      fprintf(stderr, "atslab over quiet\n");
    }
  }
  auto next = std::make_unique<Stage>();
  if (!read_scenario(programs, next->scenario)) {
    _exit(0);
  }
  stage = next.release();
  prepare();
  if (stage->passes_before == 0) {
    begin();
  }
}

void
listen_as_origin()
{
  sockaddr_in address = address_of("ATSLAB_ORIGIN");
  int on              = 1;
  int fd              = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (bind(fd, reinterpret_cast<sockaddr *>(&address), sizeof(address)) != 0 || listen(fd, 64) != 0) {
    fprintf(stderr, "http probe: the origin's port cannot be listened on\n");
    _exit(3);
  }
  origin_fd = fd;
}

// True on a thread of ET_TASK.
bool
is_task_thread()
{
  static thread_local int known = -1;
  if (known < 0) {
    char name[32] = "";
    int number    = 0;
    known = pthread_getname_np(pthread_self(), name, sizeof(name)) == 0 && sscanf(name, "[ET_TASK %d]", &number) == 1;
  }
  return known == 1;
}
} // namespace

// A thread of ET_TASK that sleeps is woken under a try-lock, which can miss. Then it would wake by
// the clock, and the clock that it has been given does not move the kernel's. So it sleeps ten
// milliseconds at most.
extern "C" int
pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex, const timespec *until)
{
  using Wait             = int (*)(pthread_cond_t *, pthread_mutex_t *, const timespec *);
  static const auto real = reinterpret_cast<Wait>(dlsym(RTLD_NEXT, "pthread_cond_timedwait"));
  if (!is_task_thread()) {
    return real(cond, mutex, until);
  }
  timespec soon;
  syscall(SYS_clock_gettime, CLOCK_REALTIME, &soon);
  soon.tv_nsec += 10 * MSECOND;
  if (soon.tv_nsec >= 1000 * MSECOND) {
    soon.tv_nsec -= 1000 * MSECOND;
    ++soon.tv_sec;
  }
  return real(cond, mutex, &soon);
}

void
TSPluginInit(int, const char *[])
{
  register_plugin("atslab-http");
  programs = open_programs("http probe");
  if (!programs) {
    return;
  }
  foreign.reset(new Foreign);
  listen_as_origin();
  install_hooks();
  const char *threads = getenv("ATSLAB_THREADS");
  auto ready          = [] { return is_ready.load(); };
  auto begins         = [](int number) { net_threads[number] = this_event_thread(); };
  start_clock({FIRST, PASS, threads ? atoi(threads) : 1, ready, begins, between_passes, true});
}
