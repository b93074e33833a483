/* What the plugins in this folder need of ts/ts.h and ts/experimental.h (9.2.9): so they are built without
   the server's headers. The events have shorter names here. */
#ifndef ATSLAB_INTERFACE_H
#define ATSLAB_INTERFACE_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct cont_t *TSCont;
typedef struct mutex_t *TSMutex;
typedef struct txn_t *TSHttpTxn;
typedef struct vconn_t *TSVConn;
typedef struct vio_t *TSVIO;
typedef struct buffer_t *TSIOBuffer;
typedef struct reader_t *TSIOBufferReader;
typedef struct mbuffer_t *TSMBuffer;
typedef struct mloc_t *TSMLoc;
typedef struct action_t *TSAction;
typedef struct fetch_t *TSFetchSM;
typedef struct text_log_t *TSTextLogObject;
typedef struct block_t *TSIOBufferBlock;
typedef struct aio_t *TSAIOCallback;
typedef struct {
  int success, failure, timeout;
} TSFetchEvent;
typedef struct params {
  const char *request;
  int request_len;
  struct sockaddr_storage ip;
  int port;
  TSCont contp;
  TSFetchEvent events;
  int options;
  struct params *next;
} TSFetchUrlParams_t;
typedef struct {
  int connect_type;
  struct sockaddr const *addr;
  const char *tag;
  int64_t id;
  int buffer_index;
  int buffer_water_mark;
} TSHttpConnectOptions;

enum { READ_READY = 100, WRITE_READY = 101, READ_COMPLETE = 102, WRITE_COMPLETE = 103, EOS = 104 };
enum { ACCEPT = 202, CONTINUE = 60000, ERROR = 60001, READ_REQUEST_HDR = 60002 };

/* A hook, and a pool of threads. */
enum { READ_REQUEST_HDR_HOOK = 0, NET = 0 };

extern char *TSAIOBufGet(TSAIOCallback);
extern int TSAIONBytesGet(TSAIOCallback);
extern int TSAIORead(int, off_t, char *, size_t, TSCont);
extern int TSAIOWrite(int, off_t, char *, size_t, TSCont);
extern void TSActionCancel(TSAction);
extern int TSActionDone(TSAction);
extern int TSContCall(TSCont, int, void *);
extern TSCont TSContCreate(int (*)(TSCont, int, void *), TSMutex);
extern void *TSContDataGet(TSCont);
extern void TSContDataSet(TSCont, void *);
extern void TSContDestroy(TSCont);
extern TSMutex TSContMutexGet(TSCont);
extern TSAction TSContSchedule(TSCont, int64_t);
extern TSAction TSContScheduleEvery(TSCont, int64_t);
extern TSAction TSContScheduleEveryOnPool(TSCont, int64_t, int);
extern TSAction TSContScheduleOnPool(TSCont, int64_t, int);
extern TSFetchSM TSFetchCreate(TSCont, const char *, const char *, const char *, struct sockaddr const *, int);
extern void TSFetchDestroy(TSFetchSM);
extern void TSFetchFlagSet(TSFetchSM, int);
extern void TSFetchHeaderAdd(TSFetchSM, const char *, int, const char *, int);
extern void TSFetchLaunch(TSFetchSM);
extern int TSFetchPageRespGet(TSHttpTxn, TSMBuffer *, TSMLoc *);
extern void TSFetchPages(TSFetchUrlParams_t *);
extern ssize_t TSFetchReadData(TSFetchSM, void *, size_t);
extern char *TSFetchRespGet(TSHttpTxn, int *);
extern TSMBuffer TSFetchRespHdrMBufGet(TSFetchSM);
extern TSMLoc TSFetchRespHdrMLocGet(TSFetchSM);
extern TSFetchSM TSFetchUrl(const char *, int, struct sockaddr const *, TSCont, int, TSFetchEvent);
extern void *TSFetchUserDataGet(TSFetchSM);
extern void TSFetchUserDataSet(TSFetchSM, void *);
extern void TSFetchWriteData(TSFetchSM, const void *, size_t);
extern int TSHandleMLocRelease(TSMBuffer, TSMLoc, TSMLoc);
extern TSVConn TSHttpConnect(struct sockaddr const *);
extern TSHttpConnectOptions TSHttpConnectOptionsGet(int);
extern TSVConn TSHttpConnectPlugin(TSHttpConnectOptions *);
extern TSVConn TSHttpConnectWithPluginId(struct sockaddr const *, const char *, int64_t);
extern int TSHttpHdrStatusGet(TSMBuffer, TSMLoc);
extern int TSHttpHdrUrlGet(TSMBuffer, TSMLoc, TSMLoc *);
extern void TSHttpHookAdd(int, TSCont);
extern int TSHttpTxnClientReqGet(TSHttpTxn, TSMBuffer *, TSMLoc *);
extern int TSHttpTxnCntlSet(TSHttpTxn, int, _Bool);
extern void TSHttpTxnIntercept(TSCont, TSHttpTxn);
extern int TSHttpTxnIsInternal(TSHttpTxn);
extern int TSHttpTxnMilestoneGet(TSHttpTxn, int, int64_t *);
extern void TSHttpTxnReenable(TSHttpTxn, int);
extern void TSHttpTxnServerIntercept(TSCont, TSHttpTxn);
extern int TSHttpTxnServerPush(TSHttpTxn, const char *, int);
extern void TSHttpTxnStatusSet(TSHttpTxn, int);
extern const char *TSIOBufferBlockReadStart(TSIOBufferBlock, TSIOBufferReader, int64_t *);
extern TSIOBuffer TSIOBufferCreate(void);
extern void TSIOBufferDestroy(TSIOBuffer);
extern TSIOBufferReader TSIOBufferReaderAlloc(TSIOBuffer);
extern int64_t TSIOBufferReaderAvail(TSIOBufferReader);
extern void TSIOBufferReaderConsume(TSIOBufferReader, int64_t);
extern TSIOBufferBlock TSIOBufferReaderStart(TSIOBufferReader);
extern int64_t TSIOBufferWaterMarkGet(TSIOBuffer);
extern void TSIOBufferWaterMarkSet(TSIOBuffer, int64_t);
extern int64_t TSIOBufferWrite(TSIOBuffer, const void *, int64_t);
extern TSMLoc TSMimeHdrFieldFind(TSMBuffer, TSMLoc, const char *, int);
extern const char *TSMimeHdrFieldValueStringGet(TSMBuffer, TSMLoc, TSMLoc, int, int *);
extern int TSMimeHdrFieldsCount(TSMBuffer, TSMLoc);
extern TSMutex TSMutexCreate(void);
extern void TSMutexLock(TSMutex);
extern void TSMutexUnlock(TSMutex);
extern int TSPluginRegister(const char *const info[3]);
extern int TSTextLogObjectCreate(const char *, int, TSTextLogObject *);
extern int TSTextLogObjectDestroy(TSTextLogObject);
extern int TSTextLogObjectWrite(TSTextLogObject, const char *, ...);
extern void *TSThreadCreate(void *(*)(void *), void *);
extern const char *TSUrlHostGet(TSMBuffer, TSMLoc, int *);
extern const char *TSUrlPathGet(TSMBuffer, TSMLoc, int *);
extern void TSVConnClose(TSVConn);
extern int TSVConnClosedGet(TSVConn);
extern TSVIO TSVConnRead(TSVConn, TSCont, TSIOBuffer, int64_t);
extern TSVIO TSVConnWrite(TSVConn, TSCont, TSIOBufferReader, int64_t);
extern void TSVIONBytesSet(TSVIO, int64_t);
extern void TSVIOReenable(TSVIO);

#endif
