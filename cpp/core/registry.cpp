// The registries as tables of plain functions.
#include "registry.h"

#include "errors.h"
#include "losses/registry.h"
#include "optimizers/registry.h"
#include "penalties/registry.h"

namespace softmargin {
namespace {

struct LossEntry {
  const LossTraits* traits;
  double (*curvature)(int64_t);
};

struct PenaltyEntry {
  const PenaltyTraits* traits;
  double (*l1)(const double*);  // null, as l2, where the penalty is not quadratic
  double (*l2)(const double*);
};

struct OptimizerEntry {
  const OptimizerTraits* traits;
  int (*n_states)(const double*);
  bool (*plain)(const double*, double*);
  void (*constants)(const double*, int64_t, double*);
};

template <class Entry, int size>
struct Table {
  Entry entries[size];
  const Entry& at(int i) const { return entries[i]; }
};

consteval auto make_losses() {
  Table<LossEntry, Losses::size> table{};
  Losses::for_each([&]<class Loss>(int i) { table.entries[i] = {&Loss::traits, &Loss::curvature}; });
  return table;
}

consteval auto make_penalties() {
  Table<PenaltyEntry, Penalties::size> table{};
  Penalties::for_each([&]<class P>(int i) {
    table.entries[i] = {&P::traits, nullptr, nullptr};
    if constexpr (requires { &P::l2; }) table.entries[i] = {&P::traits, &P::l1, &P::l2};
  });
  return table;
}

consteval auto make_optimizers() {
  Table<OptimizerEntry, Optimizers::size> table{};
  Optimizers::for_each([&]<class Rule>(int i) {
    table.entries[i] = {&Rule::traits, &Rule::n_states, [](const double*, double*) { return false; }, &Rule::constants};
    if constexpr (requires { &Rule::plain; }) table.entries[i].plain = &Rule::plain;
  });
  return table;
}

constexpr auto losses = make_losses();
constexpr auto penalties = make_penalties();
constexpr auto optimizers = make_optimizers();

template <class T>
int find(const T& table, int count, const char* argument, const std::string& name) {
  for (int i = 0; i < count; ++i) {
    if (name == table.at(i).traits->name) return i;
  }
  throw ValueError(std::string(argument) + ": unknown name '" + name + "'");
}

}  // namespace

int loss_count() { return Losses::size; }
int penalty_count() { return Penalties::size; }
int optimizer_count() { return Optimizers::size; }
const LossTraits& loss_traits(int loss) { return *losses.at(loss).traits; }
const PenaltyTraits& penalty_traits(int penalty) { return *penalties.at(penalty).traits; }
const OptimizerTraits& optimizer_traits(int optimizer) { return *optimizers.at(optimizer).traits; }
double loss_curvature(int loss, int64_t n_outputs) { return losses.at(loss).curvature(n_outputs); }
int find_loss(const std::string& name) { return find(losses, Losses::size, "loss", name); }
int find_penalty(const std::string& name) { return find(penalties, Penalties::size, "penalty", name); }
int find_optimizer(const std::string& name) { return find(optimizers, Optimizers::size, "optimizer", name); }

Penalty::Penalty() : index(Penalties::size), options{} {}
bool Penalty::none() const { return index == Penalties::size; }
bool Penalty::quadratic() const { return none() || penalties.at(index).l2 != nullptr; }
double Penalty::l1() const { return none() ? 0 : penalties.at(index).l1(options); }
double Penalty::l2() const { return none() ? 0 : penalties.at(index).l2(options); }

int Rule::n_states() const { return optimizers.at(index).n_states(options); }
bool Rule::plain(double* decay) const { return optimizers.at(index).plain(options, decay); }

void Rule::constants(int64_t t, double lr, double* out) const {
  double flat[2 * kMaxParameters];
  for (int i = 0; i < 2 * kMaxParameters; ++i) flat[i] = options[i];
  flat[0] = lr;
  optimizers.at(index).constants(flat, t, out);
}

Rule Rule::without_decay() const {
  Rule rule = *this;
  int place = 0;
  const OptimizerTraits& traits = optimizer_traits(index);
  for (int i = 0; i < traits.n_options; ++i) {
    if (std::string(traits.options[i].name) == "weight_decay") rule.options[place] = 0;
    place += traits.options[i].count == 2 ? 2 : 1;
  }
  return rule;
}

int flat_options(const OptimizerTraits& traits) {
  int count = 0;
  for (int i = 0; i < traits.n_options; ++i) count += traits.options[i].count == 2 ? 2 : 1;
  return count;
}

}  // namespace softmargin
