// A client or an origin server on a socket of its own. Mirrors lab/scenario/src/http/socket.rs.

#include "stage.h"

#include <cerrno>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace atslab
{
namespace
{
const std::string X(1 << 16, 'x');
constexpr int64_t MOST_OF_A_PASS = 1 << 20;

// Sends what the socket takes. All counts as sent if the other side takes nothing any more.
int64_t
send_some(int fd, const char *bytes, int64_t n)
{
  ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);
  return sent >= 0 ? sent : (errno == EAGAIN ? 0 : n);
}
} // namespace

Socket::Socket(std::string name, std::string who, int its_fd) : line(std::move(name), std::move(who)), fd(its_fd)
{
  int on = 1;
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (const Moves *start = stage->moves(line.who, "start")) {
    add(*start);
  }
}

void
Socket::add(const Moves &more)
{
  moves.insert(moves.end(), more.begin(), more.end());
}

void
Socket::close()
{
  if (fd >= 0) {
    ::close(fd);
    fd = -1;
  }
}

void
Socket::pass()
{
  add(line.due());
  perform();
  read();
  perform();
}

void
Socket::perform()
{
  while (fd >= 0 && !moves.empty()) {
    Move &step   = moves.front();
    bool is_done = true;
    switch (step.kind) {
    case Move::SEND:
      step.bytes.erase(0, send_some(fd, step.bytes.data(), step.bytes.size()));
      is_done = step.bytes.empty();
      break;
    case Move::FILL:
      step.n -= send_some(fd, X.data(), std::min<int64_t>(step.n, X.size()));
      is_done = step.n == 0;
      break;
    case Move::END:
      shutdown(fd, SHUT_WR);
      break;
    case Move::FINISH:
    case Move::CLOSE:
      close();
      break;
    case Move::RESET: {
      linger at_once{1, 0};
      setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
      close();
      break;
    }
    case Move::READ:
      reads = step.n != 0;
      break;
    }
    if (!is_done) {
      return;
    }
    stage->note_activity();
    moves.pop_front();
  }
}

void
Socket::read()
{
  static char piece[1 << 16];
  for (int64_t left = reads && !has_ended ? MOST_OF_A_PASS : 0; fd >= 0 && left > 0;) {
    ssize_t n = recv(fd, piece, sizeof(piece), 0);
    if (n > 0) {
      left -= std::min<int64_t>(n, left);
      add(line.received(piece, n));
    } else if (n < 0 && errno == EAGAIN) {
      return;
    } else {
      // The end of the stream, or a reset; what a proxy does is told as before.
      has_ended = true;
      stage->note(line.name, n < 0 && stage->netvc ? "reset" : "closed");
      if (const Moves *end = stage->moves(line.who, "end")) {
        add(*end);
      } else {
        close();
      }
      // The end would be read again and again.
      return;
    }
  }
}
} // namespace atslab
