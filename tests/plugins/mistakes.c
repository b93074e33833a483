/* A plugin with one mistake at a time: its argument says which. It answers each request with five bytes.
   With `water-mark` it makes none, and answers only when a request of at least MARK bytes is in its buffer.

   The declarations are those of ts/ts.h that it needs, so it is built without the server's headers. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct cont_t *TSCont;
typedef struct mutex_t *TSMutex;
typedef struct txn_t *TSHttpTxn;
typedef struct vconn_t *TSVConn;
typedef struct vio_t *TSVIO;
typedef struct buffer_t *TSIOBuffer;
typedef struct reader_t *TSIOBufferReader;
typedef struct mbuffer_t *TSMBuffer;
typedef struct mloc_t *TSMLoc;

enum { ACCEPT = 202, READ_READY = 100, WRITE_READY = 101, READ_REQUEST_HDR = 60002, CONTINUE = 60000 };

extern int TSPluginRegister(const char *const info[3]);
extern TSMutex TSMutexCreate(void);
extern void TSMutexUnlock(TSMutex);
extern TSCont TSContCreate(int (*)(TSCont, int, void *), TSMutex);
extern void TSContDestroy(TSCont);
extern void TSContDataSet(TSCont, void *);
extern void *TSContDataGet(TSCont);
extern void *TSContScheduleOnPool(TSCont, int64_t, int);
extern void TSHttpHookAdd(int, TSCont);
extern void TSHttpTxnReenable(TSHttpTxn, int);
extern void TSHttpTxnIntercept(TSCont, TSHttpTxn);
extern int TSHttpTxnClientReqGet(TSHttpTxn, TSMBuffer *, TSMLoc *);
extern TSMLoc TSMimeHdrFieldFind(TSMBuffer, TSMLoc, const char *, int);
extern const char *TSMimeHdrFieldValueStringGet(TSMBuffer, TSMLoc, TSMLoc, int, int *);
extern int TSHandleMLocRelease(TSMBuffer, TSMLoc, TSMLoc);
extern TSIOBuffer TSIOBufferCreate(void);
extern void TSIOBufferDestroy(TSIOBuffer);
extern TSIOBufferReader TSIOBufferReaderAlloc(TSIOBuffer);
extern int64_t TSIOBufferReaderAvail(TSIOBufferReader);
extern void TSIOBufferReaderConsume(TSIOBufferReader, int64_t);
extern int64_t TSIOBufferWaterMarkGet(TSIOBuffer);
extern void TSIOBufferWaterMarkSet(TSIOBuffer, int64_t);
extern int64_t TSIOBufferWrite(TSIOBuffer, const void *, int64_t);
extern TSVIO TSVConnRead(TSVConn, TSCont, TSIOBuffer, int64_t);
extern TSVIO TSVConnWrite(TSVConn, TSCont, TSIOBufferReader, int64_t);
extern void TSVConnClose(TSVConn);
extern int TSVConnClosedGet(TSVConn);
extern void TSVIOReenable(TSVIO);
extern void TSVIONBytesSet(TSVIO, int64_t);
extern int TSHttpTxnServerPush(TSHttpTxn, const char *, int);

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
