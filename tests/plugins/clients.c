/* A plugin that is a client: the path of a request says in which way. Each request from outside starts a
   client and is answered with five bytes; the client's own request, for /inner, is answered by an intercept
   of this plugin. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "interface.h"

enum { HEAD_DONE = -2, BODY_READY = -3, BODY_DONE = -4, SUCCESS = 20001, FAILURE, TIMEOUT };
enum { NO_CALLBACK, AFTER_HEADER, AFTER_BODY };
enum { DECHUNK = 4, NEWLOCK = 8, NOT_INTERNAL = 16 };

static char what[64];
static struct sockaddr_in client;

static int
is(const char *mode)
{
  return strcmp(what, mode) == 0;
}

static int
has(const char *word)
{
  return strstr(what, word) != NULL;
}

typedef struct {
  TSVConn vc;
  TSVIO read;
  TSIOBuffer in, out;
  TSIOBufferReader in_reader, out_reader;
  int is_internal, has_answered;
} State;

static State *
new_state(void)
{
  State *state = calloc(1, sizeof(State));
  state->in = TSIOBufferCreate();
  state->in_reader = TSIOBufferReaderAlloc(state->in);
  state->out = TSIOBufferCreate();
  state->out_reader = TSIOBufferReaderAlloc(state->out);
  return state;
}

static void
end(TSCont cont, State *state)
{
  TSVConnClose(state->vc);
  TSIOBufferDestroy(state->in);
  TSIOBufferDestroy(state->out);
  free(state);
  TSContDestroy(cont);
}

/* What is answered to the client of this plugin. */
static void
write_answer(TSIOBuffer out)
{
  static char big[60000];
  const char *text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
  if (has("chunked")) {
    text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";
  } else if (has("to-the-end")) {
    text = "HTTP/1.0 200 OK\r\nConnection: close\r\n\r\nhello";
  } else if (has("empty")) {
    text = "HTTP/1.1 204 No Content\r\n\r\n";
  } else if (has("long-head")) {
    char field[20001];
    memset(field, 'X', 20000);
    field[20000] = 0;
    snprintf(big, sizeof(big), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nBig: %s\r\n\r\nhello", field);
    text = big;
  } else if (has("long-body")) {
    strcpy(big, "HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n");
    size_t length = strlen(big);
    memset(big + length, 'b', 50000);
    TSIOBufferWrite(out, big, length + 50000);
    return;
  }
  TSIOBufferWrite(out, text, strlen(text));
}

static int
answer_handler(TSCont cont, int event, void *data)
{
  State *state = TSContDataGet(cont);
  switch (event) {
  case ACCEPT:
    state->vc = data;
    state->read = TSVConnRead(state->vc, cont, state->in, INT64_MAX);
    return 0;
  case READ_READY:
    TSIOBufferReaderConsume(state->in_reader, TSIOBufferReaderAvail(state->in_reader));
    if (!state->has_answered) {
      state->has_answered = 1;
      if (state->is_internal && has("fails")) {
        end(cont, state);
        return 0;
      }
      if (state->is_internal) {
        write_answer(state->out);
      } else {
        TSIOBufferWrite(state->out, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nouter", 43);
      }
      TSVConnWrite(state->vc, cont, state->out_reader, TSIOBufferReaderAvail(state->out_reader));
    }
    TSVIOReenable(state->read);
    return 0;
  case WRITE_READY:
    return 0;
  default:
    end(cont, state);
    return 0;
  }
}

static int
connect_handler(TSCont cont, int event, void *data)
{
  State *state = TSContDataGet(cont);
  switch (event) {
  case READ_READY:
    TSIOBufferReaderConsume(state->in_reader, TSIOBufferReaderAvail(state->in_reader));
    TSVIOReenable(data);
    return 0;
  case WRITE_READY:
  case WRITE_COMPLETE:
    return 0;
  default:
    TSIOBufferReaderAvail(state->in_reader);
    end(cont, state);
    return 0;
  }
}

static const char REQUEST[] = "GET http://h/inner HTTP/1.1\r\nHost: h\r\n\r\n";

static void
start_connection(void)
{
  State *state = new_state();
  TSCont cont = TSContCreate(connect_handler, TSMutexCreate());
  struct sockaddr const *address = (struct sockaddr const *)&client;
  TSContDataSet(cont, state);
  client.sin_port = is("connect-without-a-port") ? 0 : htons(1234);
  if (has("options")) {
    TSHttpConnectOptions options = TSHttpConnectOptionsGet(1);
    options.addr = address;
    options.tag = "clients";
    options.id = 7;
    options.buffer_index = has("small") ? 0 : 5;
    options.buffer_water_mark = has("small") ? 0 : 65536;
    state->vc = TSHttpConnectPlugin(&options);
  } else if (has("id")) {
    state->vc = TSHttpConnectWithPluginId(address, "clients", 7);
  } else {
    state->vc = TSHttpConnect(address);
  }
  TSIOBufferWrite(state->out, REQUEST, sizeof(REQUEST) - 1);
  TSVConnRead(state->vc, cont, state->in, INT64_MAX);
  TSVConnWrite(state->vc, cont, state->out_reader, sizeof(REQUEST) - 1);
}

static void *kept;

static int
later_handler(TSCont cont, int event, void *data)
{
  int length;
  TSFetchRespGet(kept, &length);
  TSContDestroy(cont);
  return 0;
}

static int has_head;

static int
url_handler(TSCont cont, int event, void *data)
{
  int length = 0;
  if (event == SUCCESS && has("after-header") && !has_head) {
    has_head = 1;
    TSMBuffer buffer;
    TSMLoc head;
    TSFetchPageRespGet(data, &buffer, &head);
    TSHttpHdrStatusGet(buffer, head);
    TSMimeHdrFieldsCount(buffer, head);
  } else if (event == SUCCESS) {
    char *text = TSFetchRespGet(data, &length);
    /* Texts are traced up to 200 bytes: what lies behind is counted, as a number of bytes. */
    int xs = 0;
    for (int i = 0; i < length; i++) {
      xs += text[i] == 'X';
    }
    TSIOBuffer counts = TSIOBufferCreate();
    TSIOBufferWaterMarkSet(counts, xs);
    TSIOBufferDestroy(counts);
    if (is("fetch-used-after-its-end")) {
      kept = data;
      TSContScheduleOnPool(TSContCreate(later_handler, TSMutexCreate()), 50, 0);
    }
  }
  return 0;
}

static void
start_url(void)
{
  has_head = 0;
  TSFetchEvent events = {SUCCESS, FAILURE, TIMEOUT};
  TSCont cont = TSContCreate(url_handler, is("fetch-url-without-a-mutex") ? NULL : TSMutexCreate());
  int options = has("no-callback") ? NO_CALLBACK : has("after-header") ? AFTER_HEADER : AFTER_BODY;
  if (has("pages")) {
    TSFetchUrlParams_t one = {REQUEST, sizeof(REQUEST) - 1}, other;
    memcpy(&one.ip, &client, sizeof(client));
    one.contp = cont;
    one.events = events;
    one.options = options;
    other = one;
    one.next = &other;
    TSFetchPages(&one);
    return;
  }
  TSFetchSM fetch =
    TSFetchUrl(REQUEST, has("length-by-nul") ? -1 : (int)sizeof(REQUEST) - 1, (struct sockaddr const *)&client, cont, options, events);
  if (has("dechunk")) {
    TSFetchFlagSet(fetch, DECHUNK);
  }
}

static int
stream_handler(TSCont cont, int event, void *data)
{
  char piece[4000];
  TSFetchSM fetch = data;
  TSFetchUserDataGet(fetch);
  switch (event) {
  case HEAD_DONE:
    TSHttpHdrStatusGet(TSFetchRespHdrMBufGet(fetch), TSFetchRespHdrMLocGet(fetch));
    if (has("destroyed-at-the-head")) {
      TSFetchDestroy(fetch);
    }
    return 0;
  case BODY_READY:
  case BODY_DONE:
    while (TSFetchReadData(fetch, piece, sizeof(piece)) > 0) {
    }
    if (event == BODY_DONE) {
      TSFetchDestroy(fetch);
      if (has("destroyed-twice")) {
        TSFetchDestroy(fetch);
      }
    }
    return 0;
  default:
    TSFetchDestroy(fetch);
    return 0;
  }
}

static void
start_stream(void)
{
  TSCont cont = TSContCreate(stream_handler, TSMutexCreate());
  int flags = (has("dechunk") ? DECHUNK : 0) | (has("new-lock") ? NEWLOCK : 0) | (has("not-internal") ? NOT_INTERNAL : 0);
  const char *method = has("post") ? "POST" : has("of-a-head") ? "HEAD" : "GET";
  TSFetchSM fetch = TSFetchCreate(cont, method, "http://h/inner", "HTTP/1.1", (struct sockaddr const *)&client, flags);
  TSMutex mutex = TSContMutexGet(cont);
  TSMutexLock(mutex);
  TSFetchUserDataSet(fetch, &client);
  TSFetchHeaderAdd(fetch, "Host", 4, "h", 1);
  if (has("post")) {
    TSFetchHeaderAdd(fetch, "Content-Length", 14, "10", 2);
  }
  if (has("written-before-the-launch")) {
    TSFetchWriteData(fetch, "01234", 5);
  }
  TSFetchLaunch(fetch);
  if (has("post")) {
    TSFetchWriteData(fetch, "01234", 5);
    TSFetchWriteData(fetch, "56789", 5);
  }
  TSMutexUnlock(mutex);
}

/* The path of a request. */
static void
read_path(TSHttpTxn txn, char *path, size_t size)
{
  TSMBuffer buffer;
  TSMLoc head, url;
  int length = 0;
  const char *text;
  TSHttpTxnClientReqGet(txn, &buffer, &head);
  TSHttpHdrUrlGet(buffer, head, &url);
  text = TSUrlPathGet(buffer, url, &length);
  snprintf(path, size, "%.*s", length, text);
  TSHandleMLocRelease(buffer, head, url);
  TSHandleMLocRelease(buffer, NULL, head);
}

static int
hook(TSCont cont, int event, void *data)
{
  TSHttpTxn txn = data;
  State *state = new_state();
  TSCont answers = TSContCreate(answer_handler, TSMutexCreate());
  char path[sizeof(what)];
  read_path(txn, path, sizeof(path));
  TSHttpTxnIsInternal(txn); /* So that it is in the trace. */
  state->is_internal = strcmp(path, "inner") == 0;
  TSContDataSet(answers, state);
  TSHttpTxnIntercept(answers, txn);
  if (!state->is_internal) {
    strcpy(what, path);
    if (has("connect")) {
      start_connection();
    } else if (has("stream")) {
      start_stream();
    } else {
      start_url();
    }
  }
  TSHttpTxnReenable(txn, CONTINUE);
  return 0;
}

void
TSPluginInit(int argc, const char *argv[])
{
  static const char *const info[3] = {"clients", "atslab", ""};
  TSPluginRegister(info);
  client.sin_family = AF_INET;
  client.sin_port = htons(1234);
  client.sin_addr.s_addr = htonl(0x7f000001);
  TSHttpHookAdd(0, TSContCreate(hook, NULL));
}
