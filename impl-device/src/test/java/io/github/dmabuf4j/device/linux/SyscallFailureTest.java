package io.github.dmabuf4j.device.linux;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import java.util.EnumSet;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Rule DV1: what is said of a call that failed. */
@EnabledOnOs(OS.LINUX)
final class SyscallFailureTest {
  /** A bug of ours, an answer that is dealt with, or what a driver alone knows the cure for. */
  private static final Set<Errno> WITHOUT_A_CURE =
      EnumSet.of(
          Errno.EINTR,
          Errno.EIO,
          Errno.EBADF,
          Errno.EAGAIN,
          Errno.EFAULT,
          Errno.EINVAL,
          Errno.ENOTTY,
          Errno.EDEADLK,
          Errno.ETIME,
          Errno.EOVERFLOW,
          Errno.EOPNOTSUPP,
          Errno.ECANCELED);

  @ParameterizedTest
  @EnumSource
  void dv1_everyErrorNumber_isNamed_withItsCureWhereThereIsOne(Errno errno) {
    DmaBufException refusal = new SyscallFailure("open", "/a/path", errno.number()).exception();
    assertThat(refusal.errno()).contains(errno);
    assertThat(refusal)
        .hasMessageContaining("open of /a/path failed")
        .hasMessageNotContaining("failed, error " + errno.number());
    assertThat(refusal.getMessage().contains("please report"))
        .isEqualTo(WITHOUT_A_CURE.contains(errno));
  }

  @Test
  void dv1_unknownErrorNumber_isGivenAsItIs() {
    DmaBufException refusal = new SyscallFailure("open", "/a/path", 4000).exception();
    assertThat(refusal.errno()).isEmpty();
    assertThat(refusal).hasMessageContaining("error 4000").hasMessageContaining("please report");
  }
}
