/* A plugin with one mistake at a time: its argument says which. It answers each request with five bytes.
   With `water-mark` it makes none, and answers only when a request of at least MARK bytes is in its buffer. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "interface.h"

static char which[64] = "none";
static TSHttpTxn last_txn;
static const char ANSWER[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
enum { LENGTH = sizeof(ANSWER) - 1 };

/* More than a connection puts into a buffer without a water mark. */
enum { MARK = 100000 };

static int
is(const char *mistake)
{
  return strcmp(which, mistake) == 0;
}

typedef struct {
  TSVConn vc;
  TSVIO write;
  TSIOBuffer in, out;
  TSIOBufferReader in_reader, out_reader;
  int has_answered;
} State;

/* Another continuation, with a mutex of its own. */
static int
late_handler(TSCont cont, int event, void *data)
{
  State *state = TSContDataGet(cont);
  if (is("other-mutex")) {
    TSIOBufferWrite(state->out, ANSWER, LENGTH);
    TSVIONBytesSet(state->write, LENGTH);
    TSVIOReenable(state->write);
  }
  if (is("transaction-after-close")) {
    TSMBuffer buffer;
    TSMLoc head;
    TSHttpTxnClientReqGet(last_txn, &buffer, &head);
  }
  TSContDestroy(cont);
  return 0;
}

static void
call_late(State *state, int64_t ms)
{
  TSCont cont = TSContCreate(late_handler, TSMutexCreate());
  TSContDataSet(cont, state);
  TSContScheduleOnPool(cont, ms, 0);
}

static void
answer(TSCont cont, State *state)
{
  state->has_answered = 1;
  if (is("consumes-too-much")) {
    TSIOBufferReaderConsume(state->in_reader, TSIOBufferReaderAvail(state->in_reader) + 10);
  }
  if (is("other-mutex")) {
    state->write = TSVConnWrite(state->vc, cont, state->out_reader, INT64_MAX);
    call_late(state, 50);
    return;
  }
  TSIOBufferWrite(state->out, ANSWER, LENGTH);
  state->write = TSVConnWrite(state->vc, cont, state->out_reader, LENGTH);
}

static void
end(TSCont cont, State *state)
{
  TSVConnClose(state->vc);
  if (is("reenables-after-close")) {
    TSVIOReenable(state->write);
  }
  if (is("closes-twice")) {
    TSVConnClose(state->vc);
  }
  if (is("transaction-after-close")) {
    call_late(state, 500);
    TSContDestroy(cont);
    return;
  }
  TSIOBufferDestroy(state->in);
  TSIOBufferDestroy(state->out);
  if (is("writes-to-destroyed-buffer")) {
    TSIOBufferWrite(state->out, "x", 1);
  }
  TSContDestroy(cont);
  if (is("uses-destroyed-continuation")) {
    TSContDataSet(cont, NULL);
  }
  free(state);
}

/* The numbers are what they must be, and the whole request has come. */
static int
mark_is_reached(State *state)
{
  return TSVConnClosedGet(state->vc) == 0 && TSIOBufferWaterMarkGet(state->in) == MARK &&
         TSIOBufferReaderAvail(state->in_reader) >= MARK;
}

static int
intercept_handler(TSCont cont, int event, void *data)
{
  State *state = TSContDataGet(cont);
  switch (event) {
  case ACCEPT:
    state->vc = data;
    state->in = TSIOBufferCreate();
    state->in_reader = TSIOBufferReaderAlloc(state->in);
    state->out = TSIOBufferCreate();
    state->out_reader = TSIOBufferReaderAlloc(state->out);
    if (is("water-mark") && TSIOBufferWaterMarkGet(state->in) == 0) {
      TSIOBufferWaterMarkSet(state->in, MARK);
    }
    TSVConnRead(state->vc, cont, state->in, INT64_MAX);
    break;
  case READ_READY:
    if (!state->has_answered && (!is("water-mark") || mark_is_reached(state))) {
      answer(cont, state);
    }
    break;
  case WRITE_READY:
    break;
  default:
    end(cont, state);
  }
  return 0;
}

static void
look_at_field(TSHttpTxn txn)
{
  TSMBuffer buffer;
  TSMLoc head;
  int length;
  TSHttpTxnClientReqGet(txn, &buffer, &head);
  TSMLoc field = TSMimeHdrFieldFind(buffer, head, "Host", 4);
  TSHandleMLocRelease(buffer, head, field);
  TSMimeHdrFieldValueStringGet(buffer, head, field, -1, &length);
}

static int
hook_handler(TSCont cont, int event, void *data)
{
  static TSMutex mutex;
  last_txn = data;
  TSCont intercept = TSContCreate(intercept_handler, TSMutexCreate());
  TSContDataSet(intercept, calloc(1, sizeof(State)));
  TSHttpTxnIntercept(intercept, last_txn);
  if (is("uses-released-field")) {
    look_at_field(last_txn);
  }
  if (is("unlocks-what-it-has-not-locked")) {
    mutex = mutex ? mutex : TSMutexCreate();
    TSMutexUnlock(mutex);
  }
  if (is("a-handle-of-another-kind")) {
    TSContDataGet((TSCont)last_txn);
  }
  if (is("a-function-that-is-left-out")) {
    TSHttpTxnServerPush(last_txn, "/", 1);
  }
  TSHttpTxnReenable(last_txn, CONTINUE);
  if (is("reenables-twice")) {
    TSHttpTxnReenable(last_txn, CONTINUE);
  }
  if (is("writes-to-destroyed-log")) {
    TSTextLogObject log;
    TSTextLogObjectCreate("mistakes", 0, &log);
    TSTextLogObjectDestroy(log);
    TSTextLogObjectWrite(log, "%d", 1);
  }
  return 0;
}

void
TSPluginInit(int argc, const char *argv[])
{
  const char *info[3] = {"mistakes", "", ""};
  if (argc > 1) {
    strncpy(which, argv[1], sizeof(which) - 1);
  }
  if (is("crashes")) {
    *(volatile int *)8 = 1;
  }
  TSPluginRegister(info);
  TSHttpHookAdd(0, TSContCreate(hook_handler, NULL));
}
