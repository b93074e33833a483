// A plugin at one end of a pair. Mirrors lab/scenario/src/http/user.rs.

#include "stage.h"

namespace atslab
{
namespace
{
int
handle(TSCont cont, TSEvent event, void *data)
{
  User *user = static_cast<User *>(TSContDataGet(cont));
  switch (event) {
  case TS_EVENT_NET_ACCEPT:
    user->begin(user->stage->next_origin_name(), static_cast<TSVConn>(data));
    break;
  case TS_EVENT_NET_ACCEPT_FAILED:
    user->stage->note("origin", "ACCEPT_FAILED");
    break;
  case TS_EVENT_VCONN_READ_READY:
    user->take();
    break;
  default:
    user->told(event);
    break;
  }
  return 0;
}
} // namespace

User::User(std::string of) : who(std::move(of)), mutex(TSMutexCreate())
{
  cont = TSContCreate(handle, mutex);
  TSContDataSet(cont, this);
  std::lock_guard<std::recursive_mutex> lock(stage->mutex);
  stage->users.push_back(this);
}

void
User::begin(const std::string &name, TSVConn connection)
{
  if (stage->ending) {
    TSVConnClose(connection);
    return;
  }
  vc        = connection;
  line      = new Line(name, who);
  input     = TSIOBufferCreate();
  in        = TSIOBufferReaderAlloc(input);
  output    = TSIOBufferCreate();
  out       = TSIOBufferReaderAlloc(output);
  input_vio = TSVConnRead(vc, cont, input, INT64_MAX);
  if (const Moves *start = stage->moves(who, "start")) {
    perform(*start);
  }
}

// Any event but that there is something to read.
void
User::told(TSEvent event)
{
  if (event != TS_EVENT_VCONN_WRITE_READY) {
    if (event == TS_EVENT_VCONN_EOS) {
      take();
    }
    stage->note(line ? line->name : "origin", event_name(event));
  }
  if (event == TS_EVENT_VCONN_WRITE_COMPLETE) {
    Then what = then;
    then      = NOTHING;
    if (what == END && vc) {
      TSVConnShutdown(vc, 0, 1);
    } else if (what == CLOSE) {
      close(false);
    }
  }
  bool reacts = false;
  if (const Moves *moves = stage->moves(who, "event " + std::to_string(event))) {
    reacts = true;
    perform(*moves);
  }
  const Moves *at_end = event == TS_EVENT_VCONN_EOS ? stage->moves(who, "end") : nullptr;
  if (at_end) {
    reacts = true;
    perform(*at_end);
  }
  bool ends = event != TS_EVENT_VCONN_WRITE_READY && event != TS_EVENT_VCONN_WRITE_COMPLETE &&
              event != TS_EVENT_VCONN_READ_COMPLETE;
  if (ends && !reacts) {
    close(false);
  }
}

// Takes what has come, and asks for more.
void
User::take()
{
  if (!reads || !vc) {
    return;
  }
  int64_t n = TSIOBufferReaderAvail(in);
  std::string bytes(n, '\0');
  TSIOBufferReaderCopy(in, &bytes[0], n);
  TSIOBufferReaderConsume(in, n);
  Moves moves = line->received(bytes.data(), n);
  TSVIOReenable(input_vio);
  perform(moves);
}

void
User::perform(const Moves &moves)
{
  for (const Move &step : moves) {
    if (!vc) {
      return;
    }
    stage->note_activity();
    switch (step.kind) {
    case Move::SEND:
      write(step.bytes);
      break;
    case Move::FILL:
      write(std::string(step.n, 'x'));
      break;
    case Move::END:
      when_written(END);
      break;
    case Move::FINISH:
      when_written(CLOSE);
      break;
    case Move::CLOSE:
      close(false);
      break;
    case Move::RESET:
      close(true);
      break;
    case Move::READ:
      reads = step.n != 0;
      take();
      break;
    }
  }
}

void
User::write(const std::string &bytes)
{
  TSIOBufferWrite(output, bytes.data(), bytes.size());
  if (output_vio) {
    TSVIOReenable(output_vio);
  } else {
    output_vio = TSVConnWrite(vc, cont, out, INT64_MAX);
  }
}

// The write ends with what is in the buffer, and then this follows; at once if nothing is.
void
User::when_written(Then what)
{
  int64_t left = TSIOBufferReaderAvail(out);
  if (output_vio && left > 0) {
    then = what;
    TSVIONBytesSet(output_vio, TSVIONDoneGet(output_vio) + left);
    TSVIOReenable(output_vio);
  } else if (what == END) {
    TSVConnShutdown(vc, 0, 1);
  } else {
    close(false);
  }
}

void
User::close(bool aborts)
{
  TSVConn closed = vc;
  vc             = nullptr;
  if (closed && aborts) {
    TSVConnAbort(closed, 1);
  } else if (closed) {
    TSVConnClose(closed);
  }
}
} // namespace atslab
