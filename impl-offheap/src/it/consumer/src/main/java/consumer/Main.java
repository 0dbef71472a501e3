package consumer;

/** Runs the README's example as a user would, and says on which path. */
public final class Main {
  private Main() {}

  public static void main(String[] args) throws InterruptedException {
    Thumbnail.main(args);
    System.out.println(
        "consumer ran on the " + (Main.class.getModule().isNamed() ? "module path" : "class path"));
  }
}
