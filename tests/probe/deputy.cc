// The deputy of an end. Mirrors lab/scenario/src/deputy.rs.

#include "end.h"
#include "run.h"

namespace atslab
{
// The deputy has been called back: its end acts for it.
int
handle_deputy(TSCont cont, TSEvent event, void *data)
{
  End *end = static_cast<End *>(TSContDataGet(cont));
  end->run->give_way(end->side);
  end->locked([&] {
    bool before           = end->is_deputy_called;
    end->is_deputy_called = true;
    end->told(event, data);
    end->is_deputy_called = before;
  });
  return 0;
}
} // namespace atslab
