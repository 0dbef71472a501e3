package io.github.dmabuf4j.tck;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dmabuf4j.Lockdep;
import java.util.List;
import org.junit.jupiter.api.ClassOrderer;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestClassOrder;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.parallel.Isolated;

/**
 * The whole kit. An implementation extends it by one small class that says how its heap is opened
 * and what it can do, see the package documentation.
 *
 * <p>Which tests apply is decided by {@link #capabilities} alone. The last test fails if one that
 * applies didn't run, for whatever reason.
 *
 * <p><b>Threads.</b> The tests run one after the other, and beside no other test: what the
 * validator counts is counted for the whole process.
 */
@TestClassOrder(ClassOrderer.OrderAnnotation.class)
@Isolated
public abstract class HeapConformance implements Subject {
  /** For subclasses. */
  protected HeapConformance() {}

  @Nested
  class Advices extends AdviceRules {
    @Override
    protected Subject subject() {
      return HeapConformance.this;
    }
  }

  @Nested
  class Attachments extends AttachmentRules {
    @Override
    protected Subject subject() {
      return HeapConformance.this;
    }
  }

  @Nested
  class Busy extends BusyRules {
    @Override
    protected Subject subject() {
      return HeapConformance.this;
    }
  }

  @Nested
  class Coherency extends CoherencyRules {
    @Override
    protected Subject subject() {
      return HeapConformance.this;
    }
  }

  @Nested
  class CpuAccesses extends CpuAccessRules {
    @Override
    protected Subject subject() {
      return HeapConformance.this;
    }
  }

  @Nested
  class FaultsInside extends FaultRules {
    @Override
    protected Subject subject() {
      return HeapConformance.this;
    }
  }

  @Nested
  class Heaps extends HeapRules {
    @Override
    protected Subject subject() {
      return HeapConformance.this;
    }
  }

  @Nested
  class Jobs extends JobRules {
    @Override
    protected Subject subject() {
      return HeapConformance.this;
    }
  }

  @Nested
  class Lives extends LifeRules {
    @Override
    protected Subject subject() {
      return HeapConformance.this;
    }
  }

  @Nested
  class Locks extends LockRules {
    @Override
    protected Subject subject() {
      return HeapConformance.this;
    }
  }

  @Nested
  class Mappings extends MappingRules {
    @Override
    protected Subject subject() {
      return HeapConformance.this;
    }
  }

  @Nested
  class Moves extends MoveRules {
    @Override
    protected Subject subject() {
      return HeapConformance.this;
    }
  }

  @Nested
  class Pins extends PinRules {
    @Override
    protected Subject subject() {
      return HeapConformance.this;
    }
  }

  @Nested
  class Races extends RaceRules {
    @Override
    protected Subject subject() {
      return HeapConformance.this;
    }
  }

  @Nested
  class Reclaims extends ReclaimRules {
    @Override
    protected Subject subject() {
      return HeapConformance.this;
    }
  }

  @Nested
  class Shares extends ShareRules {
    @Override
    protected Subject subject() {
      return HeapConformance.this;
    }
  }

  @Nested
  class Vmaps extends VmapRules {
    @Override
    protected Subject subject() {
      return HeapConformance.this;
    }
  }

  /** Runs last. */
  @Nested
  @Order(Integer.MAX_VALUE)
  class Complete {
    @RegisterExtension static final KitRun RUN = new KitRun();

    @Test
    void validator_isOn_unlessItIsSwitchedOffOnPurpose() {
      assertTrue(
          Lockdep.isEnabled() || "false".equals(System.getProperty(Lockdep.PROPERTY)),
          "the kit is run with -D%s=true".formatted(Lockdep.PROPERTY));
    }

    @Test
    void everyTestThatApplies_wasRun(Coverage coverage) {
      assertEquals(
          List.of(),
          coverage.missing(capabilities()),
          "tests that apply to %s and weren't run".formatted(capabilities().name()));
    }
  }
}
