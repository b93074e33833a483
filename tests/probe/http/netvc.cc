// The user of a NetVC, which stands in the proxy's place. Mirrors lab/scenario/src/http/netvc.rs.

#include "stage.h"

#include "../clock.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cstdlib>
#include <cstdio>
#include <netinet/in.h>
#include <unistd.h>

namespace atslab
{
namespace
{
// It is to connect now.
constexpr int CONNECT_NOW = 9000;
// A timer's event; plus the index of its list.
constexpr int TIMER = 10000;
// After so many callbacks, or with so many on the stack, it closes.
constexpr int MOST_CALLS = 250;
constexpr int DEEPEST    = 100;

// From so many bytes on it is the system's choice how many of a write it takes, and how often it lets the
// write wait.
constexpr int64_t MANY = 64 * 1024;

const std::string X(1 << 16, 'x');

// What the public interface lacks: operations without a buffer, and reenable_re.
struct Methods {
  TSVIO (*do_io_read)(TSVConn, TSCont, int64_t, TSIOBuffer) =
    Server::get<TSVIO (*)(TSVConn, TSCont, int64_t, TSIOBuffer)>("_ZN18UnixNetVConnection10do_io_readEP12ContinuationlP9MIOBuffer");
  TSVIO (*do_io_write)(TSVConn, TSCont, int64_t, TSIOBufferReader, bool) =
    Server::get<TSVIO (*)(TSVConn, TSCont, int64_t, TSIOBufferReader, bool)>(
      "_ZN18UnixNetVConnection11do_io_writeEP12ContinuationlP14IOBufferReaderb");
  void (*reenable_re)(TSVConn, TSVIO) = Server::get<void (*)(TSVConn, TSVIO)>("_ZN18UnixNetVConnection11reenable_reEP3VIO");
};

const Methods &
methods()
{
  static const Methods the_methods;
  return the_methods;
}

int
handle_netvc(TSCont cont, TSEvent event, void *data)
{
  auto *user = static_cast<NetVc *>(TSContDataGet(cont));
  int code   = event;
  if (code == TS_EVENT_NET_ACCEPT || code == TS_EVENT_NET_CONNECT) {
    user->connected(static_cast<TSVConn>(data), code == TS_EVENT_NET_ACCEPT ? "ACCEPT" : "OPEN");
  } else if (code == TS_EVENT_NET_CONNECT_FAILED) {
    user->is_closed = true;
    user->stage->note(NETVC, "OPEN_FAILED");
  } else if (code == CONNECT_NOW) {
    user->pending.erase(data);
    sockaddr_in address{};
    const char *port        = getenv("ATSLAB_ORIGIN");
    address.sin_family      = AF_INET;
    address.sin_port        = htons(user->stage->scenario.origin == "refuses" ? 1 : atoi(port ? port : ""));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    TSNetConnect(cont, reinterpret_cast<sockaddr *>(&address));
  } else if (code >= TIMER) {
    user->pending.erase(data);
    if (!user->stage->ending) {
      user->stage->note_activity();
      user->carry_out(user->stage->scenario.hooks[code - TIMER]);
    }
  } else {
    user->told(code, static_cast<TSVIO>(data));
  }
  return 0;
}

// The run that is under way has a user that waits; without one a connection is closed.
int
handle_accept(TSCont, TSEvent event, void *data)
{
  if (event != TS_EVENT_NET_ACCEPT) {
    return 0;
  }
  NetVc *user = stage ? stage->netvc : nullptr;
  if (user) {
    TSMutexLock(user->mutex);
    user->connected(static_cast<TSVConn>(data), "ACCEPT");
    TSMutexUnlock(user->mutex);
  } else {
    TSVConnClose(static_cast<TSVConn>(data));
  }
  return 0;
}
} // namespace

void
listen_for_netvcs()
{
  const char *port = getenv("ATSLAB_NETVC");
  if (!port) {
    return;
  }
  const std::string text      = std::string(port) + ":ip-in=127.0.0.1";
  TSPortDescriptor descriptor = TSPortDescriptorParse(text.c_str());
  if (!descriptor || TSPortDescriptorAccept(descriptor, TSContCreate(handle_accept, TSMutexCreate())) != TS_SUCCESS) {
    fprintf(stderr, "http probe: the NetVCs' port cannot be listened on\n");
    _exit(3);
  }
}

NetVc::NetVc() : mutex(TSMutexCreate())
{
  constexpr auto INDEX_32K = TS_IOBUFFER_SIZE_INDEX_32K;

  cont = TSContCreate(handle_netvc, mutex);
  TSContDataSet(cont, this);
  input  = TSIOBufferSizedCreate(INDEX_32K);
  output = TSIOBufferSizedCreate(INDEX_32K);
  in     = TSIOBufferReaderAlloc(input);
  out    = TSIOBufferReaderAlloc(output);
}

void
NetVc::start()
{
  pending.insert(call_soon(net_threads[0], cont, CONNECT_NOW));
}

void
NetVc::connected(TSVConn connection, const char *word)
{
  if (stage->ending || vc || is_closed) {
    TSVConnClose(connection);
    return;
  }
  vc = connection;
  stage->note(NETVC, word);
  stage->moments.emplace_back("connect", 1);
  for (size_t i = 0; i < stage->scenario.hooks.size(); ++i) {
    const HookList &list = stage->scenario.hooks[i];
    if (list.hook == "after") {
      pending.insert(call_in(net_threads[0], cont, list.span, TIMER + static_cast<int>(i)));
    }
  }
  react("connect", 0);
}

// A VIO calls it back.
void
NetVc::told(int event, TSVIO vio)
{
  if (stage->ending) {
    return;
  }
  const std::string name = event_name(event);
  bool is_of_one         = name.find("READ_") == 0 || name.find("WRITE_") == 0;
  const char *of         = is_of_one ? "" : (vio == vios[1] ? " of the write" : " of the read");
  int64_t nbytes         = TSVIONBytesGet(vio);
  int64_t ndone          = TSVIONDoneGet(vio);
  bool is_some           = vio == vios[1] && ndone >= MANY && ndone < nbytes;
  const std::string text = name + of + ", " + (is_some ? "some" : std::to_string(ndone)) + " of " +
                           (nbytes == INT64_MAX ? "max" : std::to_string(nbytes));
  if (!is_some || text != last) {
    stage->note(NETVC, text);
  }
  last = text;
  int nth = ++counts[event];
  stage->moments.emplace_back(name, nth);
  if (++calls > MOST_CALLS || depth >= DEEPEST) {
    stage->note(NETVC, "closes: this goes on without end");
    close();
    return;
  }
  react(name, nth);
}

void
NetVc::react(const std::string &name, int nth)
{
  if (const HookList *list = stage->scenario.list(name, nth)) {
    ++depth;
    carry_out(*list);
    --depth;
  }
}

void
NetVc::carry_out(const HookList &list)
{
  for (const Op &op : list.ops) {
    if (stage->ending) {
      return;
    }
    perform(op);
  }
}

void
NetVc::perform(const Op &op)
{
  const std::string &name = op.name;
  int64_t n               = atoll(op.first.c_str());
  bool is_write           = op.first == "write";
  if (name == "write") {
    for (int64_t left = n; left > 0;) {
      int64_t piece = std::min<int64_t>(left, X.size());
      TSIOBufferWrite(output, X.data(), piece);
      left -= piece;
    }
  } else if (name == "consume") {
    TSIOBufferReaderConsume(in, std::min(n, TSIOBufferReaderAvail(in)));
  } else if (name == "water_mark") {
    TSIOBufferWaterMarkSet(input, n);
  } else if (!vc) {
    return;
  } else if (name == "do_io_read") {
    vios[0] = methods().do_io_read(vc, cont, n, op.second == "no_buffer" ? nullptr : input);
  } else if (name == "do_io_write") {
    vios[1] = methods().do_io_write(vc, cont, n, op.second == "no_buffer" ? nullptr : out, false);
  } else if (name == "reenable") {
    if (vios[is_write]) {
      TSVIOReenable(vios[is_write]);
    }
  } else if (name == "reenable_re") {
    if (vios[is_write]) {
      methods().reenable_re(vc, vios[is_write]);
    }
  } else if (name == "shutdown") {
    TSVConnShutdown(vc, op.first != "write", op.first != "read");
  } else if (name == "close") {
    close();
  } else if (name == "inactivity_timeout") {
    TSVConnInactivityTimeoutSet(vc, n);
  } else if (name == "active_timeout") {
    TSVConnActiveTimeoutSet(vc, n);
  } else {
    fprintf(stderr, "http probe: an operation of a NetVC that it does not know: %s\n", name.c_str());
    _exit(3);
  }
}

void
NetVc::close()
{
  TSVConn closed = vc;
  vc             = nullptr;
  if (closed) {
    is_closed = true;
    TSVConnClose(closed);
  }
}

// What a late event could still need is left in memory.
void
NetVc::forget()
{
  for (void *event : pending) {
    TSActionCancel(static_cast<TSAction>(event));
  }
  pending.clear();
}
} // namespace atslab
