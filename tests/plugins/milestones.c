/* A plugin that asks for the time of a milestone. A request is answered with 403 if there is one, else with
   500. Made from `by_address.c` it is not linked to the function, and looks for its address. */
#include <dlfcn.h>
#include <stddef.h>

#include "interface.h"

/* TS_MILESTONE_SM_START */
enum { SM_START = 18 };

static int64_t
start_of(TSHttpTxn txn)
{
  int64_t time = 0;
#ifdef BY_ADDRESS
  int (*get)(TSHttpTxn, int, int64_t *) = (int (*)(TSHttpTxn, int, int64_t *))dlsym(RTLD_DEFAULT, "TSHttpTxnMilestoneGet");
  get(txn, SM_START, &time);
#else
  TSHttpTxnMilestoneGet(txn, SM_START, &time);
#endif
  return time;
}

static int
hook(TSCont cont, int event, void *txn)
{
  (void)cont, (void)event;
  if (start_of(txn) > 0) {
    TSHttpTxnStatusSet(txn, 403);
  }
  TSHttpTxnReenable(txn, ERROR);
  return 0;
}

void
TSPluginInit(int argc, const char *argv[])
{
  (void)argc, (void)argv;
  static const char *const info[3] = {"milestones", "atslab", ""};
  TSPluginRegister(info);
  TSHttpHookAdd(READ_REQUEST_HDR_HOOK, TSContCreate(hook, NULL));
}
