// What all parts of a run know. Mirrors lab/scenario/src/http/stage.rs.
#pragma once

#include "scenario.h"

#include "../server.h"

#include <ts/ts.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace atslab
{
struct User;
struct Socket;
struct NetVc;

// A transaction.
struct Txn {
  int number          = 0;
  EThread *home       = nullptr;
  TSHttpTxn held      = nullptr; // a hook has it, and has not given it back
  bool is_intercepted = false;
  bool is_closed      = false; // TXN_CLOSE has been called
};

// A run of a scenario.
struct Stage {
  Scenario scenario;
  int64_t began           = 0;
  int64_t active_at       = 0;
  std::atomic<bool> ending{false};
  std::atomic<int> pending{0}; // lists of hooks that go on later
  std::atomic<int> tasks{0};   // those of them that ET_TASK has
  int passes_left   = 0;
  int passes_before = 0; // until a run with a NetVC begins

  std::map<uint64_t, Txn> txns;
  std::vector<int64_t> sessions;
  int open_sessions = 0;
  std::map<std::string, int> hook_counts;
  std::deque<std::pair<std::string, int>> moments; // hooks called since the last pass
  std::vector<std::function<void()>> foreign;
  std::list<User *> users;
  std::list<Socket *> sockets;
  NetVc *netvc = nullptr;
  int origins = 0;
  // Protects all of it: hooks may run on another thread than the sockets.
  std::recursive_mutex mutex;

  void note(const std::string &who, const std::string &what);
  void note_bytes(const std::string &who, const char *bytes, int64_t n);
  void note_activity();
  int64_t last_activity();
  const Moves *moves(const std::string &who, const std::string &when) const;
  std::string next_origin_name();
};

// The run that is under way. It stays what it is until the next one begins.
extern Stage *stage;

// The net threads.
extern EThread *net_threads[2];

// What a report calls the user of a NetVC.
constexpr const char *NETVC = "netvc";

// What a report calls an event of a connection.
const char *event_name(int event);

// Adds the hooks of all places.
void install_hooks();

// Counts the heads of messages in a stream of bytes. Mirrors heads.rs.
struct Heads {
  std::string rest;
  int count = 0;
  // More has come; gives how many heads are complete now.
  int take(const char *bytes, int64_t n);
};

// A connection: what has come, and what it will do. Mirrors `Line`.
struct Line {
  std::string name, who;
  int64_t began;
  std::vector<int64_t> timers;
  Heads heads;

  Line(std::string name, std::string who);
  Moves due();
  Moves received(const char *bytes, int64_t n);
};

// A client or an origin server on a socket.
struct Socket {
  Line line;
  int fd;
  std::deque<Move> moves;
  bool reads = true, has_ended = false;

  Socket(std::string name, std::string who, int fd);
  void add(const Moves &more);
  void pass();
  void close();

private:
  void perform();
  void read();
};

// A plugin at one end of a pair. Mirrors user.rs.
struct User {
  enum Then { NOTHING, END, CLOSE };
  // Its run. A late event of an earlier run must not be taken for one of the next.
  Stage *const stage = atslab::stage;
  std::string who;
  Line *line = nullptr;
  TSCont cont;
  TSMutex mutex;
  TSVConn vc             = nullptr;
  TSVIO input_vio        = nullptr;
  TSVIO output_vio       = nullptr;
  TSIOBuffer input       = nullptr;
  TSIOBuffer output      = nullptr;
  TSIOBufferReader in    = nullptr;
  TSIOBufferReader out   = nullptr;
  bool reads             = true;
  Then then              = NOTHING;

  explicit User(std::string who);
  void begin(const std::string &name, TSVConn connection);
  void perform(const Moves &moves);
  void close(bool aborts);
  void take();
  void told(TSEvent event);

private:
  void write(const std::string &bytes);
  void when_written(Then what);
};

// The user of a NetVC, which stands in the proxy's place. Mirrors netvc.rs.
struct NetVc {
  // Its run, as of a user.
  Stage *const stage = atslab::stage;
  TSMutex mutex;
  TSCont cont;
  TSVConn vc           = nullptr;
  bool is_closed       = false;
  TSVIO vios[2]        = {nullptr, nullptr};
  TSIOBuffer input     = nullptr;
  TSIOBuffer output    = nullptr;
  TSIOBufferReader in  = nullptr;
  TSIOBufferReader out = nullptr;
  std::map<int, int> counts;
  // Events of ours that have not come yet.
  std::set<void *> pending;
  int calls = 0, depth = 0;
  std::string last; // what it was told last

  NetVc();
  void start();
  void connected(TSVConn connection, const char *word);
  void told(int event, TSVIO vio);
  void carry_out(const HookList &list);
  void close();
  void forget();

private:
  void react(const std::string &name, int nth);
  void perform(const Op &op);
};

// Listens at the port that ATSLAB_NETVC names, for the NetVCs of all runs.
void listen_for_netvcs();
} // namespace atslab
