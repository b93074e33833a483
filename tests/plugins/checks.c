/* A plugin that does nothing wrong and looks at what it gets: the clocks, sleeps, water marks, whether a
   connection is closed. If all is right, its intercept ends the transaction without an answer (502); else
   the transaction ends with an error (500). */
#include <stdint.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "interface.h"

static int all_right = 1;

static void
check(int is)
{
  all_right = all_right && is;
}

static int64_t
microseconds(void)
{
  struct timeval now;
  gettimeofday(&now, NULL);
  return now.tv_sec * 1000000LL + now.tv_usec;
}

static int
intercept(TSCont cont, int event, void *data)
{
  if (event == ACCEPT) {
    /* A connection that is not closed is left alone otherwise, and the server waits for it. */
    if (TSVConnClosedGet(data) == 0) {
      TSVConnClose(data);
    }
  }
  TSContDestroy(cont);
  return 0;
}

static int
goes_on(TSCont cont, int event, void *data)
{
  (void)event, (void)data;
  TSHttpTxn txn = TSContDataGet(cont);
  TSContDestroy(cont);
  if (all_right) {
    TSHttpTxnServerIntercept(TSContCreate(intercept, TSMutexCreate()), txn);
  }
  TSHttpTxnReenable(txn, all_right ? CONTINUE : ERROR);
  return 0;
}

/* Sleeps for 20 seconds, which takes none in virtual time. */
static void *
sleeper(void *data)
{
  struct timespec before, after, span = {20, 0};
  clock_gettime(CLOCK_MONOTONIC, &before);
  nanosleep(&span, NULL);
  clock_gettime(CLOCK_MONOTONIC, &after);
  int64_t took = (after.tv_sec - before.tv_sec) * 1000000000LL + after.tv_nsec - before.tv_nsec;
  check(took >= 20000000000LL && took < 21000000000LL);
  TSContScheduleOnPool(data, 0, NET);
  return NULL;
}

static int
request(TSCont cont, int event, void *data)
{
  (void)cont, (void)event;
  TSIOBuffer buffer = TSIOBufferCreate();
  check(TSIOBufferWaterMarkGet(buffer) == 0);
  TSIOBufferWaterMarkSet(buffer, 77);
  check(TSIOBufferWaterMarkGet(buffer) == 77);
  TSIOBufferDestroy(buffer);

  int64_t before = microseconds();
  usleep(250000);
  check(microseconds() == before + 250000);
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  check(now.tv_sec == time(NULL));

  TSCont later = TSContCreate(goes_on, TSMutexCreate());
  TSContDataSet(later, data);
  TSThreadCreate(sleeper, later);
  return 0;
}

void
TSPluginInit(int argc, const char *argv[])
{
  (void)argc, (void)argv;
  const char *info[3] = {"checks", "", ""};
  TSPluginRegister(info);
  TSHttpHookAdd(READ_REQUEST_HDR_HOOK, TSContCreate(request, NULL));
}
