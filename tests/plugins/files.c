/* A plugin that reads and writes a file beside the event threads: the path of a request says how. A
   request is answered with 403 if all is as in 9.2.9, else with 500. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "interface.h"

enum { AIO_DONE = 3900 };

/* One operation: what is asked for, and what comes. */
typedef struct {
  int is_write;
  int64_t offset;
  int length;
  int moved;
  const char *bytes;
} Step;

typedef struct {
  const char *name;
  Step steps[4];
} Way;

/* A file of no bytes at first. What does not move as a whole is an error, also at the end of the file. */
static const Way ways[] = {
  {"write", {{1, 0, 10, 10, "0123456789"}}},
  {"write-and-read", {{1, 0, 10, 10, "0123456789"}, {0, 3, 4, 4, "3456"}}},
  {"write-behind-the-end", {{1, 5, 3, 3, "abc"}, {0, 4, 4, 4, "\0abc"}}},
  {"read-over-the-end", {{1, 0, 10, 10, "0123456789"}, {0, 5, 20, 0, "56789"}}},
  {"read-behind-the-end", {{1, 0, 10, 10, "0123456789"}, {0, 50, 20, 0, ""}}},
  {"nothing", {{0, 0, 0, 0, ""}}},
  {"no-file", {{0, 0, 4, -EBADF, ""}}},
};
enum { WAYS = sizeof(ways) / sizeof(ways[0]), STEPS = 4 };

typedef struct {
  TSHttpTxn txn;
  const Way *way;
  int step, file, is_right;
  char place[32];
} State;

static int
is_there(const Step *step)
{
  return step->bytes != NULL;
}

static void
start(TSCont cont, State *state)
{
  const Step *step = &state->way->steps[state->step];
  memset(state->place, 0, sizeof(state->place));
  if (step->is_write) {
    memcpy(state->place, step->bytes, step->length);
    TSAIOWrite(state->file, step->offset, state->place, step->length, cont);
  } else {
    TSAIORead(state->file, step->offset, state->place, step->length, cont);
  }
}

static int
handler(TSCont cont, int event, void *data)
{
  State *state = TSContDataGet(cont);
  const Step *step = &state->way->steps[state->step];
  int moved = TSAIONBytesGet(data);
  size_t length = step->moved > 0 ? (size_t)step->moved : strlen(step->bytes);
  state->is_right &= event == AIO_DONE && moved == step->moved && TSAIOBufGet(data) == state->place;
  state->is_right &= memcmp(state->place, step->bytes, length) == 0;
  state->step++;
  if (state->step < STEPS && is_there(&state->way->steps[state->step])) {
    start(cont, state);
    return 0;
  }
  if (state->is_right) {
    TSHttpTxnStatusSet(state->txn, 403);
  }
  TSHttpTxnReenable(state->txn, ERROR);
  if (state->file >= 0) {
    close(state->file);
  }
  free(state);
  TSContDestroy(cont);
  return 0;
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
  const char *path = TSUrlPathGet(buffer, url, &length);
  State *state = calloc(1, sizeof(State));
  state->txn = data;
  state->is_right = 1;
  state->way = ways;
  for (int at = 0; at < WAYS; at++) {
    if ((int)strlen(ways[at].name) == length && memcmp(ways[at].name, path, length) == 0) {
      state->way = &ways[at];
    }
  }
  TSHandleMLocRelease(buffer, head, url);
  TSHandleMLocRelease(buffer, NULL, head);
  char name[] = "/tmp/atslab-files-XXXXXX";
  state->file = -1;
  if (strcmp(state->way->name, "no-file") != 0) {
    int file = mkstemp(name);
    unlink(name);
    /* The same number in each server, so that the calls can be compared. */
    state->file = dup2(file, 900);
    close(file);
  }
  TSCont teller = TSContCreate(handler, TSMutexCreate());
  TSContDataSet(teller, state);
  TSMutex mutex = TSContMutexGet(teller);
  TSMutexLock(mutex);
  start(teller, state);
  TSMutexUnlock(mutex);
  return 0;
}

void
TSPluginInit(int argc, const char *argv[])
{
  (void)argc, (void)argv;
  static const char *const info[3] = {"files", "atslab", ""};
  TSPluginRegister(info);
  TSHttpHookAdd(READ_REQUEST_HDR_HOOK, TSContCreate(hook, NULL));
}
