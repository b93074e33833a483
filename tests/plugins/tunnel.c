/* A plugin that answers CONNECT in place of a tunnel: the host that a request names says how. It looks at
   the head that the proxy sends on, answers, and closes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "interface.h"

enum { SKIP_REMAPPING = 6 };

typedef struct {
  const char *host, *answer;
  int stays;
} Way;

static const Way ways[] = {
  {"length.test", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"},
  {"close.test", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello"},
  {"refused.test", "HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno\n"},
  {"silent.test", ""},
  {"open.test", "HTTP/1.1 200 OK\r\n\r\n", 1},
  {"lost.test", "HTTP/1.1 200 OK\r\n\r\nhello", 1},
  {"refused-open.test", "HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno\n", 1},
};

typedef struct {
  const Way *way;
  TSVConn vc;
  TSVIO read, write;
  TSIOBuffer in, out;
  TSIOBufferReader in_reader, out_reader;
  int64_t written;
  int has_answered;
} State;

static void
end(TSCont cont, State *state)
{
  TSVConnClose(state->vc);
  TSIOBufferDestroy(state->in);
  TSIOBufferDestroy(state->out);
  free(state);
  TSContDestroy(cont);
}

static int
intercept(TSCont cont, int event, void *data)
{
  State *state = TSContDataGet(cont);
  switch (event) {
  case ACCEPT:
    state->vc = data;
    state->in = TSIOBufferCreate();
    state->in_reader = TSIOBufferReaderAlloc(state->in);
    state->out = TSIOBufferCreate();
    state->out_reader = TSIOBufferReaderAlloc(state->out);
    state->read = TSVConnRead(data, cont, state->in, INT64_MAX);
    return 0;
  case READ_READY:
    if (!state->has_answered) {
      int64_t length;
      /* So that the head is in the trace. Its length depends on the server's name in it. */
      TSIOBufferBlockReadStart(TSIOBufferReaderStart(state->in_reader), state->in_reader, &length);
      state->has_answered = 1;
      state->written = TSIOBufferWrite(state->out, state->way->answer, strlen(state->way->answer));
      if (state->written == 0) {
        end(cont, state);
        return 0;
      }
      state->write = TSVConnWrite(state->vc, cont, state->out_reader, state->written);
    }
    TSVIOReenable(state->read);
    return 0;
  case WRITE_READY:
    return 0;
  case WRITE_COMPLETE:
    if (!state->way->stays) {
      end(cont, state);
    }
    return 0;
  default:
    if (state->vc != NULL) {
      end(cont, state);
    }
    return 0;
  }
}

static int
hook(TSCont cont, int event, void *data)
{
  (void)cont, (void)event;
  TSMBuffer buffer;
  TSMLoc head, url;
  int length = 0;
  TSHttpTxnClientReqGet(data, &buffer, &head);
  TSHttpHdrUrlGet(buffer, head, &url);
  const char *host = TSUrlHostGet(buffer, url, &length);
  State *state = calloc(1, sizeof(State));
  state->way = ways;
  for (size_t at = 0; at < sizeof(ways) / sizeof(ways[0]); at++) {
    if ((int)strlen(ways[at].host) == length && memcmp(ways[at].host, host, length) == 0) {
      state->way = &ways[at];
    }
  }
  TSHandleMLocRelease(buffer, head, url);
  TSHandleMLocRelease(buffer, NULL, head);
  TSCont answers = TSContCreate(intercept, TSMutexCreate());
  TSContDataSet(answers, state);
  /* Else a rule would give the URL the port of its target, to which no CONNECT may lead. */
  TSHttpTxnCntlSet(data, SKIP_REMAPPING, 1);
  TSHttpTxnIntercept(answers, data);
  TSHttpTxnReenable(data, CONTINUE);
  return 0;
}

void
TSPluginInit(int argc, const char *argv[])
{
  (void)argc, (void)argv;
  static const char *const info[3] = {"tunnel", "atslab", ""};
  TSPluginRegister(info);
  TSHttpHookAdd(READ_REQUEST_HDR_HOOK, TSContCreate(hook, NULL));
}
