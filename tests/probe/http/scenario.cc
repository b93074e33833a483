#include "scenario.h"

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <unistd.h>

namespace atslab
{
namespace
{
bool
read_line(FILE *file, std::string &line)
{
  line.clear();
  for (int c; (c = getc(file)) != EOF;) {
    if (c == '\n') {
      return true;
    }
    line += static_cast<char>(c);
  }
  return false;
}

std::string
unhex(const std::string &text)
{
  std::string bytes;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes += static_cast<char>(strtol(text.substr(i, 2).c_str(), nullptr, 16));
  }
  return bytes;
}

// What stands behind the first blank.
std::string
rest_of(const std::string &line)
{
  size_t at = line.find(' ');
  return at == std::string::npos ? "" : line.substr(at + 1);
}

Op
read_op(const std::string &line)
{
  Op op;
  std::istringstream words(line);
  words >> op.name >> op.first >> op.second;
  std::getline(words, op.rest);
  op.rest.erase(0, op.rest.find_first_not_of(' '));
  return op;
}
} // namespace

const Moves *
Scenario::moves(const std::string &who, const std::string &when) const
{
  auto found = reactions.find(who + " " + when);
  return found == reactions.end() ? nullptr : &found->second;
}

const HookList *
Scenario::list(const std::string &hook, int nth) const
{
  const HookList *any = nullptr;
  for (const HookList &list : hooks) {
    if (list.hook == hook && list.nth == nth) {
      return &list;
    }
    if (list.hook == hook && list.nth == 0) {
      any = &list;
    }
  }
  return any;
}

std::vector<int64_t>
Scenario::timers(const std::string &who) const
{
  const std::string key = who + " after ";
  std::vector<int64_t> spans;
  for (const auto &reaction : reactions) {
    if (reaction.first.compare(0, key.size(), key) == 0) {
      spans.push_back(atoll(reaction.first.c_str() + key.size()));
    }
  }
  std::sort(spans.rbegin(), spans.rend());
  return spans;
}

bool
read_scenario(FILE *file, Scenario &scenario)
{
  std::string line;
  Moves *moves = nullptr;
  while (read_line(file, line)) {
    const std::string word = line.substr(0, line.find(' ')), rest = rest_of(line);
    if (word == "http") {
      std::istringstream(rest) >> scenario.threads >> scenario.patience >> scenario.longest;
    } else if (word == "client") {
      scenario.clients.push_back(rest == "plugin");
    } else if (word == "origin") {
      scenario.origin = rest;
    } else if (word == "netvc") {
      scenario.netvc = rest;
    } else if (word == "on") {
      moves = &scenario.reactions[rest];
    } else if (word == "hook") {
      scenario.hooks.emplace_back();
      HookList &list = scenario.hooks.back();
      std::istringstream words(rest);
      words >> list.hook;
      if (list.hook == "after") {
        words >> list.span;
      } else {
        words >> list.nth;
      }
    } else if (word == "do") {
      scenario.hooks.back().ops.push_back(read_op(rest));
    } else if (word == "send") {
      moves->push_back({Move::SEND, unhex(rest), 0});
    } else if (word == "fill") {
      moves->push_back({Move::FILL, "", atoll(rest.c_str())});
    } else if (word == "read") {
      moves->push_back({Move::READ, "", atoll(rest.c_str())});
    } else if (word == "end") {
      moves->push_back({Move::END, "", 0});
    } else if (word == "finish") {
      moves->push_back({Move::FINISH, "", 0});
    } else if (word == "close") {
      moves->push_back({Move::CLOSE, "", 0});
    } else if (word == "reset") {
      moves->push_back({Move::RESET, "", 0});
    } else if (word == "over") {
      return true;
    } else {
      fprintf(stderr, "http probe: a line that it does not know: %s\n", line.c_str());
      _exit(3);
    }
  }
  return false;
}
} // namespace atslab
