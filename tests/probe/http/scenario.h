// A scenario as the plugin gets it: the flat text of lab/scenario/src/http/program.rs.
#pragma once

#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

namespace atslab
{
// A step of a connection.
struct Move {
  enum Kind { SEND, FILL, END, FINISH, CLOSE, RESET, READ } kind;
  std::string bytes; // of SEND
  int64_t n = 0;     // of FILL; of READ: 1 for on
};
using Moves = std::vector<Move>;

// An operation of a hook: its words.
struct Op {
  std::string name, first, second, rest;
};

// A list of operations of a hook; `nth` is 0 for each call without a list of its own.
struct HookList {
  std::string hook;
  int nth      = 0;
  int64_t span = 0; // of a timer of the NetVC's user, whose `hook` is "after"
  std::vector<Op> ops;
};

struct Scenario {
  int threads      = 1;
  int64_t patience = 0;
  int64_t longest  = 0;
  std::vector<bool> clients; // true for a plugin
  std::string origin;
  // A NetVC stands in the proxy's place: "accept" or "connect".
  std::string netvc;
  // By "WHO WHEN", as the text has it.
  std::map<std::string, Moves> reactions;
  std::vector<HookList> hooks;

  const Moves *moves(const std::string &who, const std::string &when) const;
  const HookList *list(const std::string &hook, int nth) const;
  // When `who` does something by itself, the first time last.
  std::vector<int64_t> timers(const std::string &who) const;
};

// Reads the next scenario; false at the end of the file.
bool read_scenario(FILE *file, Scenario &scenario);
} // namespace atslab
