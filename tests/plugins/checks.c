/* A plugin that does nothing wrong and looks at what it gets: the clocks, sleeps, water marks, whether a
   connection is closed. If all is right, its intercept ends the transaction without an answer (502); else
   the transaction ends with an error (500).

   The declarations are those of ts/ts.h that it needs, so it is built without the server's headers. */
#include <stdint.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

typedef struct cont_t *TSCont;
typedef struct mutex_t *TSMutex;
typedef struct txn_t *TSHttpTxn;
typedef struct vconn_t *TSVConn;
typedef struct buffer_t *TSIOBuffer;

enum { ACCEPT = 202, CONTINUE = 60000, ERROR = 60001, READ_REQUEST_HDR_HOOK = 0, NET = 0 };

extern int TSPluginRegister(const char *const info[3]);
extern TSMutex TSMutexCreate(void);
extern TSCont TSContCreate(int (*)(TSCont, int, void *), TSMutex);
extern void TSContDestroy(TSCont);
extern void TSContDataSet(TSCont, void *);
extern void *TSContDataGet(TSCont);
extern void *TSContScheduleOnPool(TSCont, int64_t, int);
extern void *TSThreadCreate(void *(*)(void *), void *);
extern void TSHttpHookAdd(int, TSCont);
extern void TSHttpTxnReenable(TSHttpTxn, int);
extern void TSHttpTxnServerIntercept(TSCont, TSHttpTxn);
extern TSIOBuffer TSIOBufferCreate(void);
extern void TSIOBufferDestroy(TSIOBuffer);
extern int64_t TSIOBufferWaterMarkGet(TSIOBuffer);
extern void TSIOBufferWaterMarkSet(TSIOBuffer, int64_t);
extern int TSVConnClosedGet(TSVConn);
extern void TSVConnClose(TSVConn);

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
