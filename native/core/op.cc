#include "core/op.h"

namespace contrastive {

std::vector<OpEntry>& op_table() {
  static std::vector<OpEntry> table;
  return table;
}

}  // namespace contrastive
