/* A plugin for what a continuation counts: the path of a request says what is scheduled, cancelled and
   destroyed. Each request is answered with 403, or not at all by an intercept. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "interface.h"

static char what[64];
static TSAction action, second;
static int n;

static int
is(const char *mode)
{
  return strcmp(what, mode) == 0;
}

static int
begins(const char *with)
{
  return strncmp(what, with, strlen(with)) == 0;
}

static int
handler(TSCont cont, int event, void *data)
{
  TSContDataGet(cont); /* So that each call is in the trace. */
  n++;
  if (begins("every") && n == 4) {
    if (is("every-cancelled-by-its-event")) {
      TSActionCancel(data);
    } else if (!is("every-destroyed")) {
      TSActionCancel(action);
    }
    if (is("every-cancelled-and-destroyed") || is("every-destroyed")) {
      TSContDestroy(cont);
    }
  }
  if (is("once-cancelled-in-its-callback") || is("once-cancelled-in-its-callback-and-destroyed")) {
    TSActionCancel(action);
    if (is("once-cancelled-in-its-callback-and-destroyed")) {
      TSContDestroy(cont);
    }
  }
  if (is("once-destroyed")) {
    TSContDestroy(cont);
  }
  if (is("destroyed-in-its-last-event")) {
    if (n == 1) {
      second = TSContSchedule(cont, 50);
    } else {
      TSContDestroy(cont);
    }
  }
  if (is("destroyed-with-a-new-event") && n == 1) {
    second = TSContSchedule(cont, 50);
    TSContDestroy(cont);
  }
  if (is("cancelled-twice") && n == 1) {
    second = TSContScheduleOnPool(cont, 50, NET);
    TSActionCancel(second);
    TSActionCancel(second);
  }
  if (is("cancelled-before") && n == 1) {
    second = TSContScheduleOnPool(cont, 50, NET);
    TSActionCancel(second);
    TSContDestroy(cont);
  }
  return 0;
}

/* Cancels the action of another continuation, which has had its event. */
static int
late_handler(TSCont cont, int event, void *data)
{
  TSContDataGet(cont);
  TSActionCancel(action);
  return 0;
}

static int
intercept_handler(TSCont cont, int event, void *data)
{
  TSContDataGet(cont);
  if (event == ACCEPT) {
    TSContDestroy(cont);
  }
  return 0;
}

static volatile int has_ended;

static void *
foreign(void *mutex)
{
  TSMutexLock(mutex);
  TSMutexUnlock(mutex);
  has_ended = 1;
  return NULL;
}

static void
start(TSHttpTxn txn)
{
  TSMutex mutex = TSMutexCreate();
  TSCont cont = TSContCreate(handler, is("no-mutex") ? NULL : mutex);
  if (is("every-cancelled-and-destroyed") || is("every-destroyed")) {
    action = TSContScheduleEveryOnPool(cont, 50, NET);
  } else if (begins("every")) {
    action = TSContScheduleEvery(cont, 50);
  } else if (is("done-at-once")) {
    TSActionCancel(NULL);
    TSActionCancel((TSAction)1);
    TSActionDone((TSAction)1);
    TSActionDone((TSAction)3);
    action = TSContScheduleOnPool(cont, 0, NET);
    TSActionDone(action);
  } else if (is("done-at-once-cancelled")) {
    TSActionCancel((TSAction)3);
  } else if (is("destroyed-without-an-event")) {
    TSContDestroy(cont);
  } else if (is("destroyed-while-due")) {
    action = TSContSchedule(cont, 50);
    TSContDestroy(cont);
  } else if (is("intercept-destroyed")) {
    TSHttpTxnServerIntercept(TSContCreate(intercept_handler, mutex), txn);
  } else if (is("intercept-without-a-mutex")) {
    TSHttpTxnServerIntercept(TSContCreate(intercept_handler, NULL), txn);
  } else if (is("thread-locks")) {
    TSThreadCreate(foreign, mutex);
    while (!has_ended) {
    }
  } else if (is("foreign-thread-locks")) {
    pthread_t thread;
    pthread_create(&thread, NULL, foreign, mutex);
    pthread_join(thread, NULL);
  } else {
    action = TSContSchedule(cont, 50);
  }
  if (is("cancelled-late")) {
    TSContScheduleOnPool(TSContCreate(late_handler, mutex), 150, NET);
  }
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
  read_path(data, what, sizeof(what));
  n = 0;
  start(data);
  if (begins("intercept")) {
    TSHttpTxnReenable(data, CONTINUE);
    return 0;
  }
  TSHttpTxnStatusSet(data, 403);
  TSHttpTxnReenable(data, ERROR);
  return 0;
}

void
TSPluginInit(int argc, const char *argv[])
{
  static const char *const info[3] = {"continuations", "atslab", ""};
  TSPluginRegister(info);
  TSHttpHookAdd(0, TSContCreate(hook, NULL));
}
