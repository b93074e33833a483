// What is told, and what connections have in common.

#include "stage.h"

#include "../clock.h"

#include <cinttypes>
#include <cstring>
#include <unistd.h>

namespace atslab
{
Stage *stage = nullptr;
EThread *net_threads[2];

namespace
{
// From how many equal bytes on a body is counted.
constexpr int64_t RUN = 16;

// A line for the program that has started the server, in one write.
void
tell(const std::string &line)
{
  std::string text = "atslab " + line + "\n";
  for (size_t at = 0; at < text.size();) {
    ssize_t n = ::write(STDERR_FILENO, text.data() + at, text.size() - at);
    if (n <= 0) {
      return;
    }
    at += n;
  }
}

std::string
hex(const char *bytes, int64_t n)
{
  static const char digits[] = "0123456789abcdef";
  std::string text;
  for (int64_t i = 0; i < n; ++i) {
    text += digits[static_cast<unsigned char>(bytes[i]) >> 4];
    text += digits[bytes[i] & 15];
  }
  return text;
}
} // namespace

const char *
event_name(int event)
{
  switch (event) {
  case TS_EVENT_VCONN_READ_READY:
    return "READ_READY";
  case TS_EVENT_VCONN_READ_COMPLETE:
    return "READ_COMPLETE";
  case TS_EVENT_VCONN_WRITE_READY:
    return "WRITE_READY";
  case TS_EVENT_VCONN_WRITE_COMPLETE:
    return "WRITE_COMPLETE";
  case TS_EVENT_VCONN_EOS:
    return "EOS";
  case TS_EVENT_ERROR:
    return "ERROR";
  case TS_EVENT_VCONN_INACTIVITY_TIMEOUT:
    return "INACTIVITY_TIMEOUT";
  case TS_EVENT_VCONN_ACTIVE_TIMEOUT:
    return "ACTIVE_TIMEOUT";
  default:
    return "an event without a name";
  }
}

void
Stage::note(const std::string &who, const std::string &what)
{
  std::lock_guard<std::recursive_mutex> lock(mutex);
  active_at = now();
  if (!ending) {
    tell("e " + std::to_string(now() - began) + " " + who + "\t" + what);
  }
}

void
Stage::note_bytes(const std::string &who, const char *bytes, int64_t n)
{
  std::lock_guard<std::recursive_mutex> lock(mutex);
  active_at = now();
  if (ending) {
    return;
  }
  int64_t told = 0;
  for (int64_t i = 0; i < n;) {
    int64_t end = i;
    while (end < n && bytes[end] == 'x') {
      ++end;
    }
    if (end - i >= RUN) {
      if (i > told) {
        tell("b " + who + "\t" + hex(bytes + told, i - told));
      }
      tell("x " + who + "\t" + std::to_string(end - i));
      told = end;
    }
    i = end > i ? end : i + 1;
  }
  if (n > told || n == 0) {
    tell("b " + who + "\t" + hex(bytes + told, n - told));
  }
}

void
Stage::note_activity()
{
  std::lock_guard<std::recursive_mutex> lock(mutex);
  active_at = now();
}

int64_t
Stage::last_activity()
{
  std::lock_guard<std::recursive_mutex> lock(mutex);
  return active_at;
}

const Moves *
Stage::moves(const std::string &who, const std::string &when) const
{
  return ending ? nullptr : scenario.moves(who, when);
}

std::string
Stage::next_origin_name()
{
  std::lock_guard<std::recursive_mutex> lock(mutex);
  return "origin " + std::to_string(++origins);
}

int
Heads::take(const char *bytes, int64_t n)
{
  rest.append(bytes, n);
  for (;;) {
    size_t mark = rest.find("HTTP/1.");
    if (mark == std::string::npos) {
      size_t keep = std::min<size_t>(rest.size(), strlen("HTTP/1.") - 1);
      rest.erase(0, rest.size() - keep);
      return count;
    }
    rest.erase(0, mark);
    size_t end = rest.find("\r\n\r\n");
    if (end == std::string::npos) {
      return count;
    }
    rest.erase(0, end + 4);
    ++count;
  }
}

Line::Line(std::string its_name, std::string of) : name(std::move(its_name)), who(std::move(of)), began(now())
{
  stage->note_bytes(name, "", 0);
  timers = stage->scenario.timers(who);
}

Moves
Line::due()
{
  Moves moves;
  while (!timers.empty() && began + timers.back() <= now()) {
    const Moves *more = stage->moves(who, "after " + std::to_string(timers.back()));
    timers.pop_back();
    if (more) {
      moves.insert(moves.end(), more->begin(), more->end());
    }
  }
  return moves;
}

Moves
Line::received(const char *bytes, int64_t n)
{
  stage->note_bytes(name, bytes, n);
  Moves moves;
  int before = heads.count, after = heads.take(bytes, n);
  for (int nth = before + 1; nth <= after; ++nth) {
    const Moves *more = stage->moves(who, "head " + std::to_string(nth));
    more              = more ? more : stage->moves(who, "head 0");
    if (more) {
      moves.insert(moves.end(), more->begin(), more->end());
    }
  }
  return moves;
}
} // namespace atslab
