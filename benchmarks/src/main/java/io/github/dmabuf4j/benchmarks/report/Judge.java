package io.github.dmabuf4j.benchmarks.report;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Holds what was measured against the bars. */
public final class Judge {
  private final List<Trial> planned;
  private final Map<Trial, Measurement> measured = new LinkedHashMap<>();

  /**
   * Prepares.
   *
   * @param planned what was to be measured
   * @param measured what was; the first one of a trial counts
   */
  public Judge(Collection<Trial> planned, Collection<Measurement> measured) {
    this.planned = List.copyOf(planned);
    measured.forEach(one -> this.measured.putIfAbsent(one.trial(), one));
  }

  /**
   * Judges some bars.
   *
   * @return a result for each bar and each planned trial that it holds for
   */
  public List<BarResult> judge(Collection<DeclaredBar> bars) {
    List<BarResult> results = new ArrayList<>();
    for (DeclaredBar bar : bars) {
      planned.stream()
          .filter(bar::isOurs)
          .forEach(trial -> results.add(new Case(bar, trial).judge()));
    }
    return results;
  }

  /** One bar, one trial of ours. */
  private final class Case {
    private final DeclaredBar declared;
    private final Bar bar;
    private final Trial our;
    private final @Nullable Measurement ours;
    private final List<String> remarks = new ArrayList<>();

    Case(DeclaredBar declared, Trial our) {
      this.declared = declared;
      this.bar = declared.bar();
      this.our = our;
      this.ours = measured.get(our);
    }

    BarResult judge() {
      Optional<Figure> figure = figure(ours);
      if (ours == null || figure.isEmpty()) {
        remarks.add("not measured");
        return result(null, null, null, Verdict.UNKNOWN);
      }
      if (!ours.isComplete()) {
        remarks.add("cut short");
      }
      if (declared.peers() == 0) {
        return result(figure.get(), null, null, verdict(figure.get().value()));
      }
      return compare(ours, figure.get(), best(ours, figure.get()));
    }

    private Optional<Figure> figure(@Nullable Measurement measurement) {
      return measurement == null
          ? Optional.empty()
          : measurement.figure(bar.measure(), bar.counter());
    }

    /** The best of the peers that can be compared with ours; what can't is remarked upon. */
    private @Nullable Measurement best(Measurement ours, Figure our) {
      Measurement best = null;
      for (Measurement peer : peers()) {
        Figure figure = figure(peer).orElseThrow();
        if (!figure.unit().equals(our.unit()) || !peer.mode().equals(ours.mode())) {
          remarks.add(
              "%s is in %s, ours in %s".formatted(peer.trial().label(), figure.unit(), our.unit()));
        } else if (best == null || isBetter(figure, figure(best).orElseThrow(), ours)) {
          best = peer;
        }
      }
      return best;
    }

    private boolean isBetter(Figure one, Figure other, Measurement ours) {
      return isMoreBetter(ours) ? one.value() > other.value() : one.value() < other.value();
    }

    private boolean isMoreBetter(Measurement ours) {
      return bar.measure() == Measure.TIME && ours.countsPerTime();
    }

    private List<Measurement> peers() {
      List<Measurement> peers = new ArrayList<>();
      List<String> missing = new ArrayList<>();
      for (int i = 0; i < declared.peers(); i++) {
        int index = i;
        List<Trial> trials =
            planned.stream().filter(trial -> declared.isPeer(index, our, trial)).toList();
        if (trials.isEmpty()) {
          remarks.add("not in this run: " + declared.peerLabel(i));
        }
        for (Trial trial : trials) {
          Measurement peer = measured.get(trial);
          if (peer != null && figure(peer).isPresent()) {
            peers.add(peer);
          } else {
            missing.add(trial.label());
          }
        }
      }
      if (!missing.isEmpty()) {
        remarks.add("not measured: " + String.join(", ", missing));
      }
      return peers.stream().distinct().collect(Collectors.toList());
    }

    private BarResult compare(Measurement ours, Figure our, @Nullable Measurement best) {
      if (best == null) {
        return result(our, null, null, Verdict.UNKNOWN);
      }
      Figure peer = figure(best).orElseThrow();
      if (!best.isComplete()) {
        remarks.add("the peer was cut short");
      }
      Optional<Ratio> ratio = isMoreBetter(ours) ? Ratio.of(peer, our) : Ratio.of(our, peer);
      if (ratio.isEmpty()) {
        remarks.add("nothing is at most a multiple of 0");
        return result(our, best, null, Verdict.MISSED);
      }
      Double low = ratio.get().low();
      Double high = ratio.get().high();
      if (low != null && low <= bar.atMost() && (high == null || high > bar.atMost())) {
        remarks.add("the errors reach across the bar: " + ratio.get().interval());
      }
      return result(our, best, ratio.get(), verdict(ratio.get().value()));
    }

    private Verdict verdict(double value) {
      if (!(value <= bar.atMost())) {
        return Verdict.MISSED;
      }
      return value <= bar.stretch() ? Verdict.STRETCH : Verdict.PASS;
    }

    private BarResult result(
        @Nullable Figure figure,
        @Nullable Measurement best,
        @Nullable Ratio ratio,
        Verdict verdict) {
      return new BarResult(
          bar.row(),
          declared.benchmark(),
          declared.varying(our),
          bar.measure(),
          bar.counter(),
          figure,
          best == null ? null : best.trial().label(),
          figure(best).orElse(null),
          ratio,
          bar.atMost(),
          Double.isNaN(bar.stretch()) ? null : bar.stretch(),
          declared.peers() == 0,
          verdict,
          remarks);
    }
  }
}
