package io.github.dmabuf4j.tck.exporters;

import io.github.dmabuf4j.Attachment;
import org.jspecify.annotations.Nullable;

/**
 * Stands between the core and an exporter, see {@link InterceptingExporter}.
 *
 * <p><b>Threads.</b> Called on whichever thread the core calls, under the lock that the callback is
 * called under.
 */
@FunctionalInterface
public interface Interceptor {
  /** One call of a callback, not made yet. */
  interface Call {
    /**
     * Which one.
     *
     * @return the callback
     */
    Callback callback();

    /**
     * Whom it is about.
     *
     * @return the attachment, or null where the callback has none
     */
    @Nullable Attachment attachment();

    /**
     * What the callback was given beside the attachment.
     *
     * @return the access, term, mapping or pieces, or null where there is none; the pieces for an
     *     unmap
     */
    @Nullable Object argument();

    /**
     * Makes the call.
     *
     * @return what the exporter returned, or null where it returns nothing
     */
    @Nullable Object proceed();
  }

  /**
   * Makes the call, or doesn't.
   *
   * @param call what the core calls
   * @return what the core shall see as the exporter's answer
   */
  @Nullable Object intercept(Call call);
}
